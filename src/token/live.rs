//! The tokens that hold at this moment: those of the configuration, and those of the file as it was last read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::file::{TokenFileError, read};
use super::{Holder, TokenDigest};
use crate::config::Token;
use crate::stamp::Stamp;

/// What a look at the token file found.
#[derive(Debug)]
pub enum Look {
    /// It is as it was.
    Same,
    /// It changed, and its tokens hold.
    Taken {
        /// How many tokens hold in all.
        tokens: usize,
    },
    /// It changed and cannot be used: the tokens read before go on holding.
    Kept(TokenFileError),
}

/// All who hold tokens. A change of the file is taken up by [`Tokens::look`], one of the configuration by
/// [`Tokens::redeclare`].
#[derive(Debug)]
pub struct Tokens {
    file: Option<PathBuf>,
    parts: Mutex<Parts>,
    held: RwLock<Arc<[Arc<Holder>]>>,
}

/// Where those who hold tokens are named.
#[derive(Debug, Default)]
struct Parts {
    declared: Vec<Arc<Holder>>,
    filed: Vec<Arc<Holder>>,
    /// The file as it was when it was last looked at.
    seen: Stamp,
}

impl Tokens {
    /// The tokens of a configuration, without a file.
    pub fn declared(tokens: &[Token]) -> Self {
        let declared = holders_of(tokens);
        let held = RwLock::new(declared.clone().into());
        Self { file: None, parts: Mutex::new(Parts { declared, ..Parts::default() }), held }
    }

    /// The tokens of a configuration, and those of the file. A file that is not there holds none.
    pub fn open(tokens: &[Token], file: PathBuf) -> Result<Self, TokenFileError> {
        // The stamp is taken first: what changes while the file is read is seen by the next look.
        let seen = Stamp::of(&file);
        let filed: Vec<Arc<Holder>> = read(&file)?.into_iter().map(Arc::new).collect();
        let declared = holders_of(tokens);
        let held = RwLock::new(join(&file, &declared, &filed)?);
        Ok(Self { file: Some(file), parts: Mutex::new(Parts { declared, filed, seen }), held })
    }

    /// Takes those of another configuration in place of those before, unless the file names one of them as well. Says
    /// how many tokens hold in all.
    pub fn redeclare(&self, tokens: &[Token]) -> Result<usize, TokenFileError> {
        let declared = holders_of(tokens);
        let mut parts = self.parts();
        let held = join(self.file.as_deref().unwrap_or(Path::new("")), &declared, &parts.filed)?;
        parts.declared = declared;
        Ok(self.hold(held))
    }

    /// How many tokens hold.
    pub fn count(&self) -> usize {
        self.held().len()
    }

    /// Who holds this token. All are compared, by digest and to the end, so that time tells nothing about any.
    pub fn find(&self, token: &[u8]) -> Option<Arc<Holder>> {
        let presented = TokenDigest::of(token);
        let held = self.held();
        let nobody = held.len() as u64;
        let mut found = nobody;
        for (place, holder) in held.iter().enumerate() {
            found.conditional_assign(&(place as u64), holder.digest.equals(&presented));
        }
        if bool::from(found.ct_eq(&nobody)) {
            return None;
        }
        held.get(usize::try_from(found).ok()?).cloned()
    }

    /// Reads the file if it changed since the last look.
    pub fn look(&self) -> Look {
        let Some(file) = &self.file else { return Look::Same };
        let mut parts = self.parts();
        let stamp = Stamp::of(file);
        if stamp == parts.seen {
            return Look::Same;
        }
        parts.seen = stamp;
        if stamp == Stamp::default() {
            // Whoever wants to take tokens away revokes them: a file that is gone is more likely a mistake.
            return Look::Kept(TokenFileError::broken(file, "it is not there any more"));
        }
        let filed = read(file).map(|holders| holders.into_iter().map(Arc::new).collect::<Vec<_>>());
        match filed.and_then(|filed| Ok((join(file, &parts.declared, &filed)?, filed))) {
            Ok((held, filed)) => {
                parts.filed = filed;
                Look::Taken { tokens: self.hold(held) }
            }
            Err(error) => Look::Kept(error),
        }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, held: Arc<[Arc<Holder>]>) -> usize {
        let tokens = held.len();
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
        tokens
    }

    pub(super) fn held(&self) -> Arc<[Arc<Holder>]> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn holders_of(tokens: &[Token]) -> Vec<Arc<Holder>> {
    tokens.iter().map(|token| Arc::new(token.into())).collect()
}

/// Those of the configuration and those of the file, of whom no two have one name.
fn join(file: &Path, declared: &[Arc<Holder>], filed: &[Arc<Holder>]) -> Result<Arc<[Arc<Holder>]>, TokenFileError> {
    for holder in filed {
        if declared.iter().any(|declared| declared.name == holder.name) {
            let reason = format!("the configuration has a token of the same name: {}", holder.name);
            return Err(TokenFileError::broken(file, reason));
        }
    }
    Ok(declared.iter().chain(filed).cloned().collect())
}
