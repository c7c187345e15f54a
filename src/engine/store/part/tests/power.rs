//! The power is cut at every write. Everything that a reception does to the disk is recorded; for each point of the record,
//! disks are made that a power cut may leave, and the program starts again on each: whatever it claims is true, every file under
//! a final name is whole, what was told to be saved is there, what was made certain is not fetched again, and everything
//! comes to its end.
//!
//! `HANDOUT_POWER_CUTS` is how many disks are made at each point, `HANDOUT_SEED` chooses others.

use super::crash::held;
use super::*;
use crate::core::rng::Rng;
use crate::platform::files::recorded;

mod disk;

use disk::Disk;

/// Something that is received.
struct Step {
    made: Made,
    set: SetId,
    /// It is received to its end; otherwise it is given up before its last chunk.
    whole: bool,
}

/// What is received into a folder, one after the other.
struct Story {
    steps: Vec<Step>,
    /// Below the folder that is recorded.
    folder: &'static str,
    /// The person's own files in it.
    own: Vec<(&'static str, Vec<u8>)>,
    /// Files that are not saved by their own names, for them.
    renamed: Vec<(&'static str, &'static str)>,
}

/// What the program has told so far: it holds whatever happens next.
#[derive(Debug, Clone, Default)]
struct Told {
    /// The step that was begun.
    step: usize,
    /// Chunks of it that were made certain.
    certain: BTreeSet<u32>,
    /// Files that were saved, and as of which step.
    saved: BTreeMap<String, usize>,
    /// For the next version.
    copies: Vec<SavedCopy>,
}

/// A record, and what was told after so many operations.
struct Recorded {
    disk: Disk,
    ops: Vec<recorded::Op>,
    told: Vec<(usize, Told)>,
}

/// Says where it was, if a test fails.
struct Where(String);

impl Drop for Where {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(otherwise, |text| text.parse().unwrap())
}

fn rng() -> Rng {
    Rng::from_number(number("HANDOUT_SEED", 1))
}

fn cuts() -> usize {
    usize::try_from(number("HANDOUT_POWER_CUTS", 2)).unwrap()
}

/// In memory where there is such a folder: thousands are made, and nothing is really synced.
fn dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| super::dir())
}

/// What worked, or `None` where the program has died.
fn alive<T>(done: Result<T, DiskFault>) -> Option<T> {
    (!recorded::is_dead()).then(|| done.unwrap())
}

impl Story {
    /// The files of a step by their final names.
    fn places(&self, step: usize) -> BTreeMap<String, &Vec<u8>> {
        let files = self.steps[step].made.files.iter();
        let place = |path: &String| {
            let renamed = self.renamed.iter().find(|(wire, _)| wire == path);
            renamed.map_or_else(|| path.clone(), |(_, place)| (*place).to_owned())
        };
        files.map(|(path, bytes)| (place(path), bytes)).collect()
    }

    /// Nothing under a final name is anything but whole, and what was told is there.
    fn check_names(&self, root: &Path, told: &Told, finished: bool) {
        let folder = root.join(self.folder);
        let mut found = if folder.exists() {
            saved_files(&folder)
        } else {
            BTreeMap::new()
        };
        for (path, bytes) in &self.own {
            let found = found.remove(*path);
            assert!(found.as_ref() == Some(bytes), "{path} was the person's own");
        }
        let begun = (0..=told.step).filter(|step| self.steps[*step].whole);
        let begun: Vec<_> = begun.map(|step| (step, self.places(step))).collect();
        for (path, bytes) in &found {
            let known = begun
                .iter()
                .any(|(_, files)| files.get(path) == Some(&bytes));
            assert!(
                known,
                "{path} with {} bytes is not what was sent",
                bytes.len()
            );
        }
        for (path, step) in &told.saved {
            let later = begun.iter().filter(|(begun, _)| begun >= step);
            let mut wanted = later.map(|(_, files)| files[path]);
            let there = found.get(path);
            assert!(there.is_some(), "{path} was saved and is lost");
            assert!(
                wanted.any(|bytes| there == Some(bytes)),
                "{path} is of an earlier version"
            );
        }
        if finished {
            let last = self.places(self.steps.len() - 1);
            assert!(
                found
                    .iter()
                    .eq(last.iter().map(|(path, bytes)| (path, *bytes))),
                "{:?}",
                found.keys()
            );
        }
    }

    /// A run of the program: it goes on with what is there until everything is saved, or it dies: `None`.
    fn live(
        &self,
        root: &Path,
        told: &mut Told,
        rng: &mut Rng,
        tell: &mut dyn FnMut(&Told),
    ) -> Option<()> {
        loop {
            self.receive(root, told, rng, tell)?;
            if told.step + 1 == self.steps.len() {
                return Some(());
            }
            told.step += 1;
            told.certain.clear();
            tell(told);
        }
    }

    fn receive(
        &self,
        root: &Path,
        told: &mut Told,
        rng: &mut Rng,
        tell: &mut dyn FnMut(&Told),
    ) -> Option<()> {
        let Step { made, set, whole } = &self.steps[told.step];
        let spec = ReceiveSpec {
            set: *set,
            version: Version(u32::try_from(told.step).unwrap() + 1),
            previous: told.copies.clone(),
            ..made.spec(&root.join(self.folder))
        };
        let set = alive(ReceiveSet::open(spec, &FilePool::new()))?;
        let held: BTreeSet<u32> = held(&set).into_iter().collect();
        let lost: Vec<_> = told.certain.difference(&held).collect();
        assert!(lost.is_empty(), "fetched again, though certain: {lost:?}");
        for &chunk in &held {
            let read = set.read_chunk(ChunkIndex(chunk));
            let ChunkRead::Bytes(bytes) = &read else {
                panic!("chunk {chunk} is claimed: {read:?}");
            };
            assert!(bytes[..] == made.chunk(chunk)[..]);
        }
        alive(set.add_hashes(ChunkIndex(0), &made.hashes()))?;
        let mut missing: Vec<u32> = (0..made.layout.chunks())
            .filter(|chunk| !held.contains(chunk))
            .collect();
        rng.shuffle(&mut missing);
        if !whole {
            missing.pop();
        } else if rng.below(2) == 0 {
            set.set_root(made.root());
        }
        for chunk in missing {
            let written = set.write_chunk(ChunkIndex(chunk), &made.chunk(chunk));
            if recorded::is_dead() {
                return None;
            }
            assert_eq!(written, Written::Stored);
            if rng.below(3) == 0 {
                self.settle(root, &set, told, tell)?;
            }
        }
        if *whole {
            set.set_root(made.root());
        }
        let complete = self.settle(root, &set, told, tell)?;
        assert_eq!(complete, *whole);
        told.copies = set.saved_copies();
        Some(())
    }

    fn settle(
        &self,
        root: &Path,
        set: &ReceiveSet,
        told: &mut Told,
        tell: &mut dyn FnMut(&Told),
    ) -> Option<bool> {
        let before = held(set);
        let settled = set.settle();
        if recorded::is_dead() {
            return None;
        }
        assert_eq!((settled.lost, settled.faults), (vec![], vec![]));
        told.certain.extend(before);
        for file in settled.saved {
            let path = file.path.strip_prefix(root.join(self.folder)).unwrap();
            told.saved
                .insert(path.to_str().unwrap().to_owned(), told.step);
        }
        tell(told);
        Some(settled.complete)
    }

    /// What one or two runs of the program do to a disk; the first one dies after so many operations.
    fn record(&self, root: &Path, told: Told, dies: usize, rng: &mut Rng) -> Recorded {
        recorded::start(root);
        recorded::die_after(dies);
        let (mut now, mut all) = (told.clone(), vec![(0, told)]);
        let mut tell = |told: &Told| all.push((recorded::count(), told.clone()));
        if self.live(root, &mut now, rng, &mut tell).is_none() {
            recorded::die_after(usize::MAX);
            self.live(root, &mut now, rng, &mut tell).unwrap();
        }
        self.check_names(root, &now, true);
        let (before, ops) = recorded::stop();
        Recorded {
            disk: Disk::new(&before),
            ops,
            told: all,
        }
    }

    fn begin(&self) -> TempDir {
        let dir = dir();
        for (path, bytes) in &self.own {
            let path = dir.path().join(self.folder).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        dir
    }

    /// The power is cut at every point, several times, and again while the program goes on after that.
    fn cut_everywhere(&self) {
        let mut rng = rng();
        let dir = self.begin();
        let mut recorded = self.record(dir.path(), Told::default(), usize::MAX, &mut rng);
        let (points, cuts) = (recorded.ops.len(), cuts());
        for at in 0..=points {
            recorded.go_to(at);
            for cut in 0..cuts {
                let _where = Where(format!("cut {cut} after operation {at} of {points}"));
                self.go_on_after_two_cuts(&recorded, at, &mut rng);
            }
        }
    }

    /// The program dies at some point and goes on, and somewhat later the power is cut.
    fn die_and_cut(&self) {
        let mut rng = rng();
        let whole = self.record(
            self.begin().path(),
            Told::default(),
            usize::MAX,
            &mut Rng::from_number(2),
        );
        for _ in 0..16 * cuts() {
            let dies = 1 + rng.below(whole.ops.len() - 1);
            let dir = self.begin();
            let mut recorded =
                self.record(dir.path(), Told::default(), dies, &mut Rng::from_number(2));
            let mut points: Vec<usize> = (0..3)
                .map(|_| dies + rng.below((recorded.ops.len() - dies + 1).min(40)))
                .collect();
            points.sort_unstable();
            for at in points {
                let _where = Where(format!("died after operation {dies}, cut after {at}"));
                recorded.go_to(at);
                self.go_on(&recorded, at, &mut rng);
            }
        }
    }

    /// Starts on a disk that a cut at this point may leave, and goes on to the end.
    fn go_on(&self, recorded: &Recorded, at: usize, rng: &mut Rng) -> Recorded {
        let dir = dir();
        recorded.disk.cut(rng).put(dir.path());
        let told = recorded.told_at(at);
        self.check_names(dir.path(), told, false);
        self.record(dir.path(), told.clone(), usize::MAX, rng)
    }

    fn go_on_after_two_cuts(&self, recorded: &Recorded, at: usize, rng: &mut Rng) {
        let mut second = self.go_on(recorded, at, rng);
        let at = rng.below(second.ops.len() + 1);
        let _where = Where(format!(
            "and again after operation {at} of {}",
            second.ops.len()
        ));
        second.go_to(at);
        self.go_on(&second, at, rng);
    }
}

impl Recorded {
    /// The disk after so many operations; never backwards.
    fn go_to(&mut self, at: usize) {
        for op in self.ops[..at].iter().skip(self.disk.done()) {
            self.disk.apply(op);
        }
    }

    fn told_at(&self, at: usize) -> &Told {
        let before = self.told.iter().take_while(|(when, _)| *when <= at);
        &before.last().unwrap().1
    }
}

fn step(made: Made, set: u8) -> Step {
    let set = SetId([set; 16]);
    let whole = true;
    Step { made, set, whole }
}

/// A mixed set and its second version, into a folder where the person has a file of the same name.
fn two_versions() -> Story {
    let (first, mut second) = (mixed(), mixed());
    second.files[1].1[STEP + 9] ^= 1;
    second.files[5].1[0] ^= 1;
    Story {
        steps: vec![step(first, 1), step(second, 2)],
        folder: "Lab",
        own: vec![("c.txt", b"mine".to_vec())],
        renamed: vec![("c.txt", "c (2).txt")],
    }
}

/// Many small files, into folders that are not there yet.
fn many_small() -> Story {
    let names: Vec<_> = (0..24)
        .map(|n| (format!("{}/{n}.txt", n % 3), 900 + n))
        .collect();
    let files: Vec<_> = names.iter().map(|(name, len)| (&**name, *len)).collect();
    Story {
        steps: vec![step(Made::new(&files), 1)],
        folder: "Received/Lab",
        own: Vec::new(),
        renamed: Vec::new(),
    }
}

/// Under the identifier of a set that was larger and is there in part.
fn something_left_over() -> Story {
    let large = step(Made::new(&[("x", 4 * STEP)]), 1);
    let small = step(Made::new(&[("y", STEP + 5), ("z", 70)]), 1);
    Story {
        steps: vec![
            Step {
                whole: false,
                ..large
            },
            small,
        ],
        folder: "Lab",
        own: Vec::new(),
        renamed: Vec::new(),
    }
}

#[test]
fn the_power_is_cut_while_two_versions_come() {
    two_versions().cut_everywhere();
}

#[test]
fn the_power_is_cut_while_many_small_files_come() {
    many_small().cut_everywhere();
}

#[test]
fn the_power_is_cut_where_something_is_left_over() {
    something_left_over().cut_everywhere();
}

#[test]
fn the_program_dies_and_then_the_power_is_cut() {
    let few_below = Story {
        folder: "Received/Lab",
        ..something_left_over()
    };
    for story in [
        two_versions(),
        many_small(),
        something_left_over(),
        few_below,
    ] {
        story.die_and_cut();
    }
}

#[test]
fn a_file_that_was_there_already_is_on_the_disk_before_it_counts_as_saved() {
    let (made, dir) = (Made::new(&[("a.bin", 3 * STEP)]), dir());
    let mut rng = rng();
    recorded::start(dir.path());
    // The person has just copied it.
    let copy = files::open_part(&dir.path().join("a.bin")).unwrap();
    files::write_all_at(&copy, &made.files[0].1, 0).unwrap();
    let set = made.open(dir.path());
    made.write_all(&set);
    assert!(settle(&set).complete);
    let (before, ops) = recorded::stop();
    let disk = Disk::after(&before, &ops);
    for _ in 0..100 {
        let dir = self::dir();
        disk.cut(&mut rng).put(dir.path());
        made.assert_saved(dir.path());
    }
}

/// Opens a journal that has three records of 17 bytes, the first of which the disk lost, does something with it and adds one;
/// whatever a power cut leaves then, nothing of the three comes back.
#[track_caller]
fn nothing_comes_back(also: impl Fn(&mut Journal)) {
    let (dir, mut rng) = (dir(), rng());
    let path = dir.path().join("journal");
    let (mut journal, _) = Journal::open(&path, 9).unwrap();
    for chunk in 0..3 {
        journal.append(&Record::Written(chunk)).unwrap();
    }
    drop(journal);
    let file = files::open_existing(&path).unwrap();
    files::write_all_at(&file, &[0; 17], 16).unwrap();
    drop(file);
    recorded::start(dir.path());
    let (mut journal, replay) = Journal::open(&path, 9).unwrap();
    assert!(replay.doubtful.is_empty());
    also(&mut journal);
    journal.append(&Record::Written(5)).unwrap();
    let (before, ops) = recorded::stop();
    let disk = Disk::after(&before, &ops);
    for _ in 0..50 {
        let dir = self::dir();
        disk.cut(&mut rng).put(dir.path());
        let (_, replay) = Journal::open(&dir.path().join("journal"), 9).unwrap();
        let found: Vec<u32> = replay.doubtful.into_keys().collect();
        assert!([5].starts_with(&found), "{found:?}");
    }
}

#[test]
fn what_was_cut_off_a_journal_does_not_come_back_behind_what_takes_its_place() {
    nothing_comes_back(|_| ());
    nothing_comes_back(|journal| {
        for chunk in 6..9 {
            journal.append(&Record::Written(chunk)).unwrap();
        }
        journal.clear().unwrap();
    });
}
