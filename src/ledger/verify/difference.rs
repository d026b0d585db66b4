//! What was found to differ.

#[derive(Default)]
pub(super) struct Differences {
    pub(super) list: Vec<String>,
}

impl Differences {
    pub(super) fn check(&mut self, what: String, written: i64, derived: i64) {
        if written != derived {
            self.list.push(format!("{what}: written {written}, derived from transfers {derived}"));
        }
    }

    pub(super) fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.list.push(what());
        }
    }
}
