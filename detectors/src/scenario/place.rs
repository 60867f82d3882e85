//! Where a scenario plays: a partition, an account, a region, three zones.

use fastrand::Rng;

use super::writer::{pick, server_id};

/// Where a scenario plays: one account, one region, three of its zones, each with a subnet.
#[derive(Clone)]
pub(super) struct Place {
    /// AWS's partition: `aws`, or `aws-cn` for the regions in China.
    pub(super) partition: &'static str,
    pub(super) account: String,
    pub(super) region: &'static str,
    pub(super) zones: [String; 3],
    pub(super) subnets: [String; 3],
    pub(super) vpc: String,
}

/// Regions, and the letters of their zones that an account sees.
const REGIONS: [(&str, &str); 6] = [
    ("us-east-1", "abcdf"),
    ("us-west-2", "abcd"),
    ("eu-west-1", "abc"),
    ("eu-central-1", "abc"),
    ("ap-southeast-2", "abc"),
    ("ap-northeast-1", "acd"),
];
const REGIONS_IN_CHINA: [(&str, &str); 2] = [("cn-north-1", "abd"), ("cn-northwest-1", "abc")];

impl Place {
    /// A region of an account.
    pub(super) fn new(random: &mut Rng) -> Self {
        let region = pick(random, &REGIONS);
        Self::of(random, None, "aws", region)
    }

    /// A region in China, and so another partition, with an account of its own.
    pub(super) fn china(random: &mut Rng) -> Self {
        let region = pick(random, &REGIONS_IN_CHINA);
        Self::of(random, None, "aws-cn", region)
    }

    /// So many regions of the same account, this one first.
    pub(super) fn with_other_regions(&self, random: &mut Rng, regions: usize) -> Vec<Self> {
        let mut others: Vec<_> = REGIONS.into_iter().filter(|(region, _)| *region != self.region).collect();
        random.shuffle(&mut others);
        let mut places = vec![self.clone()];
        for region in others.into_iter().take(regions.saturating_sub(1)) {
            places.push(Self::of(random, Some(self.account.clone()), self.partition, region));
        }
        places
    }

    fn of(random: &mut Rng, account: Option<String>, partition: &'static str, region: (&'static str, &str)) -> Self {
        let (region, letters) = region;
        let mut letters: Vec<char> = letters.chars().collect();
        while letters.len() > 3 {
            let dropped = random.usize(..letters.len());
            letters.remove(dropped);
        }
        let mut letters = letters.into_iter();
        Self {
            partition,
            account: account.unwrap_or_else(|| format!("{:012}", random.u64(100_000_000_000..1_000_000_000_000))),
            region,
            zones: std::array::from_fn(|_| format!("{region}{}", letters.next().unwrap_or('a'))),
            subnets: std::array::from_fn(|_| server_id(random, "subnet")),
            vpc: server_id(random, "vpc"),
        }
    }

    /// An ARN in this account and region.
    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition, self.region, self.account)
    }

    /// An ARN of IAM, which is in no region.
    pub(super) fn iam_arn(&self, rest: &str) -> String {
        format!("arn:{}:iam::{}:{rest}", self.partition, self.account)
    }

    /// The domain under which services are reached.
    pub(super) fn domain(&self) -> &'static str {
        if self.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// The region in which the records of services without one are written.
    pub(super) fn global_region(&self) -> &'static str {
        if self.partition == "aws-cn" { "cn-north-1" } else { "us-east-1" }
    }
}
