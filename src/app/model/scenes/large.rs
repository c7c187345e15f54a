//! Scenes of a size that no lesson has: for the measurement of frames and of the processor's time.

use std::thread;
use std::time::Duration;

use handout_engine::api::{DeviceId, Event, MemberView, Person, Presence, Progress, SessionState};

use super::{ItemId, PostContent, SESSION, delivery, device, files, name, post, session};

/// Posts of a feed that is too long.
const POSTS: u32 = 10_000;
/// Students of a class that is too large.
const STUDENTS: u16 = 200;
/// Students who receive at full speed, and how often each tells how far it is: as the engine does.
const RECEIVING: u8 = 50;
const TELLS: Duration = Duration::from_secs(1);

/// A session of a teacher with a long feed and a full roster.
pub fn feed() -> Vec<Event> {
    let mut events = vec![session(
        SESSION,
        "A Very Large Class",
        SessionState::Teaching,
    )];
    events.extend((0..STUDENTS).map(student));
    for number in 0..POSTS {
        let content = match number % 10 {
            0 => files(
                u8::try_from(number / 10 % 200).unwrap_or(0),
                "lab3-dataset",
                12,
                186_400_000,
                1,
            ),
            1 => PostContent::Link {
                item: ItemId([3; 16]),
                title: format!("Slides of chapter {number}"),
                url: format!("https://example.org/slides/{number}"),
            },
            _ => PostContent::Text {
                text: format!("This is message {number}, of ordinary length for such a thing."),
            },
        };
        let own = number % 3 > 0;
        events.push(post(own, own, &name(number as usize % 144), 1, content));
    }
    events
}

fn student(number: u16) -> Event {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    member(DeviceId(id), usize::from(number))
}

fn member(device: DeviceId, number: usize) -> Event {
    Event::Member(MemberView {
        session: SESSION,
        device,
        person: Person {
            name: name(number),
            roll: format!("21BCS{:03}", number + 1),
            machine: format!("lab2-pc{number:02}"),
        },
        teacher: false,
        own: false,
        presence: Presence::Linked,
        duplicate_roll: false,
        muted: false,
    })
}

/// Fifty students receive a large file, for as long as somebody looks.
pub fn progress(events: async_channel::Sender<Event>) {
    let begin = [
        session(SESSION, "Fifty Students", SessionState::Teaching),
        post(
            true,
            true,
            "Dr. Meera Joshi",
            0,
            files(14, "dataset.tar", 1, 734_000_000, 1),
        ),
    ];
    let students = (0..RECEIVING).map(|number| member(device(number), usize::from(number)));
    for event in begin.into_iter().chain(students) {
        // Nobody looks any more: it ends below.
        let _ = events.try_send(event);
    }
    thread::spawn(move || {
        for step in 1_u64.. {
            for number in 0..RECEIVING {
                thread::sleep(TELLS / u32::from(RECEIVING));
                let bytes = step * 1_000_000 + u64::from(number) * 10_000;
                let told = delivery(number, 14, 1, Progress::Receiving, bytes);
                if events.try_send(told).is_err() {
                    return;
                }
            }
        }
    });
}
