//! Benign: a developer creates, updates and deletes the same functions, log groups, roles and tables again and again.

use super::caller::{Caller, agent, person, user};
use super::habit::{Habit, keep};
use super::resource::{Kind, Resource};
use super::worker::Worker;
use super::writer::{Writer, pick, unique_id};
use super::{functions, routine};

/// What is begun before the end is over at most this much later.
const LAST_ACT_MS: i64 = 60 * 60 * 1000;

pub(super) fn write(writer: &mut Writer) {
    let mut developer = Developer::new(writer);
    let from_ms = writer.between(20, 200);
    let until_ms = writer.between(60 * 60, 150 * 60);
    // Once the day's work is done, the night that follows is no part of the trail.
    let over_ms = keep(writer, &mut developer, from_ms, until_ms).min(until_ms + LAST_ACT_MS);
    routine::sparse_traffic(writer, over_ms, 8);
}

/// A developer, and what is worked on.
pub(super) struct Developer {
    caller: Caller,
    functions: Vec<Resource>,
    tables: Vec<Resource>,
    stands: bool,
    /// How many of the functions were left there by another day, before the trail.
    left_over: usize,
    /// When the day's work is done; a new day begins some hours later.
    done_ms: i64,
}

impl Developer {
    pub(super) fn new(writer: &mut Writer) -> Self {
        let name = person(writer);
        let tool = pick(&mut writer.random, &[agent::CLI, agent::TERRAFORM, agent::BOTO3]);
        let caller = user(writer, name, tool).leading();
        let project = format!("{name}-{}", pick(&mut writer.random, &["thumbnails", "invoices", "webhooks", "search"]));
        let parts = ["ingest", "resize", "notify", "report", "cleanup", "export", "audit", "index"];
        let count = writer.random.usize(2..=parts.len());
        let functions = parts.iter().take(count);
        let functions: Vec<Resource> =
            functions.map(|part| Resource::new(&mut writer.random, Kind::Function, &project, part, 0)).collect();
        let tables = ["jobs", "state"].iter().take(writer.random.usize(1..=2));
        let tables = tables.map(|name| Resource::new(&mut writer.random, Kind::Table, &project, name, 0)).collect();
        let left_over = if writer.chance(50) { writer.random.usize(1..=count.min(4)) } else { 0 };
        Self { caller, functions, tables, stands: false, left_over, done_ms: 0 }
    }

    fn make(&self, worker: &mut Worker, writer: &mut Writer, function: &Resource) {
        let place = writer.place.clone();
        let id = unique_id(&mut writer.random, "AROA", 21);
        let at = writer.second(worker.now_ms);
        worker.act(writer, functions::create_role(function, &place, at, &id));
        worker.act(writer, functions::change_policy("AttachRolePolicy", function));
        worker.act(writer, functions::put_policy(function));
        worker.act(writer, functions::create_log_group(function));
        worker.create(writer, function);
    }

    fn unmake(&self, worker: &mut Worker, writer: &mut Writer, function: &Resource) {
        worker.delete(writer, function);
        worker.act(writer, functions::delete_log_group(function));
        worker.act(writer, functions::change_policy("DetachRolePolicy", function));
        worker.act(writer, functions::delete_policy(function));
        worker.act(writer, functions::delete_role(function));
    }

    fn make_all(&mut self, worker: &mut Worker, writer: &mut Writer) {
        for table in &self.tables {
            let table = table.reborn(&mut writer.random);
            worker.create(writer, &table);
        }
        for function in &self.functions {
            self.make(worker, writer, function);
        }
        self.stands = true;
    }

    fn unmake_all(&mut self, worker: &mut Worker, writer: &mut Writer) {
        for function in &self.functions {
            self.unmake(worker, writer, function);
        }
        for table in &self.tables {
            worker.delete(writer, table);
        }
        self.stands = false;
    }

    fn update(&self, worker: &mut Worker, writer: &mut Writer) {
        for _ in 0..writer.random.u8(1..=5) {
            let function = &self.functions[writer.random.usize(..self.functions.len())];
            let (place, at, size) =
                (writer.place.clone(), writer.second(worker.now_ms), writer.random.u32(20_000..90_000));
            worker.act(writer, functions::update_code(function, &place, at, size));
            worker.act(writer, function.describe(&place));
            worker.now_ms += writer.between(10, 120);
        }
    }
}

impl Habit for Developer {
    fn act(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        let mut worker = Worker::new(self.caller.clone(), at_ms, (0, 3));
        if !self.stands {
            if self.done_ms <= at_ms {
                self.done_ms = at_ms + writer.between(2 * 3_600, 5 * 3_600);
            }
            let left_over = self.functions[..std::mem::take(&mut self.left_over)].to_vec();
            for function in &left_over {
                self.unmake(&mut worker, writer, function);
            }
            self.make_all(&mut worker, writer);
        } else if at_ms >= self.done_ms {
            // The day's work is cleaned up.
            self.unmake_all(&mut worker, writer);
            return worker.now_ms + writer.between(6 * 3_600, 14 * 3_600);
        }
        match writer.random.u8(..100) {
            0..55 => self.update(&mut worker, writer),
            55..80 => {
                let function = self.functions[writer.random.usize(..self.functions.len())].clone();
                self.unmake(&mut worker, writer, &function);
                self.make(&mut worker, writer, &function);
            }
            _ => {
                self.unmake_all(&mut worker, writer);
                worker.now_ms += writer.between(2, 60);
                self.make_all(&mut worker, writer);
            }
        }
        worker.now_ms + writer.between(30, 600)
    }
}
