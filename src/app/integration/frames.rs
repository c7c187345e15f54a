//! How long frames take, for measurements: only in builds with the feature `scenes`.

use std::cell::Cell;
use std::fs::File;
use std::io::Write as _;
use std::rc::Rc;
use std::time::Instant;

use gtk::prelude::*;

/// Writes the time of every frame of a window into the file that `HANDOUT_FRAMES` names: a line each, in milliseconds.
pub fn watch(window: &impl IsA<gtk::Widget>) {
    let file = std::env::var_os("HANDOUT_FRAMES").and_then(|path| File::create(path).ok());
    let Some(file) = file.map(Rc::new) else {
        return;
    };
    window.connect_realize(move |window| {
        let Some(clock) = window.frame_clock() else {
            return;
        };
        let began = Rc::new(Cell::new(Instant::now()));
        clock.connect_before_paint({
            let began = began.clone();
            move |_| began.set(Instant::now())
        });
        let file = file.clone();
        clock.connect_after_paint(move |_| {
            let took = began.get().elapsed().as_secs_f64() * 1000.0;
            // A measurement that cannot be written down is missed by its reader.
            let _ = writeln!(&*file, "{took:.2}");
        });
    });
}
