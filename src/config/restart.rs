//! What of a configuration is taken up while the daemon runs, and what needs a restart.

use trailbrake_detectors::engine::BrakeSettings;

use super::Config;

impl Config {
    /// The keys in which another configuration differs from this one and that cannot change while the daemon runs. Limits
    /// and weights, receivers and routes, declared tokens and the address in links can.
    pub fn needs_restart(&self, other: &Self) -> Vec<&'static str> {
        let (ours, theirs) = (&self.settings, &other.settings);
        let differs = [
            ("deployment", ours.deployment != theirs.deployment),
            ("journal", self.journal != other.journal),
            ("http.listen", self.http != other.http),
            ("http.tls", self.tls != other.tls),
            ("http.token_file", self.token_file != other.token_file),
            ("metrics.listen", self.metrics != other.metrics),
            ("log", self.log_json != other.log_json),
            ("decode.threads", self.decode_threads != other.decode_threads),
            ("catalog", self.catalog != other.catalog),
            ("inventory.files", self.inventory_files != other.inventory_files),
            // By what pauses are carried out is told by `act`.
            ("brake", BrakeSettings { reach: theirs.brake.reach, ..ours.brake.clone() } != theirs.brake),
            ("sources", self.sources != other.sources),
            ("act", self.act != other.act),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}
