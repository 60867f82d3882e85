//! The tokens that hold at this moment: those of the configuration, and those of the file as it was last read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

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

/// All who hold tokens. A change of the file is taken up by [`Tokens::look`].
#[derive(Debug)]
pub struct Tokens {
    declared: Vec<Arc<Holder>>,
    file: Option<PathBuf>,
    seen: Mutex<Stamp>,
    held: RwLock<Arc<[Arc<Holder>]>>,
}

impl Tokens {
    /// The tokens of a configuration, without a file.
    pub fn declared(tokens: &[Token]) -> Self {
        let declared: Vec<Arc<Holder>> = tokens.iter().map(|token| Arc::new(token.into())).collect();
        let held = RwLock::new(declared.clone().into());
        Self { declared, file: None, seen: Mutex::default(), held }
    }

    /// The tokens of a configuration, and those of the file. A file that is not there holds none.
    pub fn open(tokens: &[Token], file: PathBuf) -> Result<Self, TokenFileError> {
        // The stamp is taken first: what changes while the file is read is seen by the next look.
        let seen = Mutex::new(Stamp::of(&file));
        let tokens = Self::declared(tokens);
        let held = RwLock::new(tokens.join(&file, read(&file)?)?);
        Ok(Self { file: Some(file), seen, held, ..tokens })
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
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(file);
        if stamp == *seen {
            return Look::Same;
        }
        *seen = stamp;
        if stamp == Stamp::default() {
            // Whoever wants to take tokens away revokes them: a file that is gone is more likely a mistake.
            return Look::Kept(TokenFileError::broken(file, "it is not there any more"));
        }
        match read(file).and_then(|holders| self.join(file, holders)) {
            Ok(held) => {
                let tokens = held.len();
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
                Look::Taken { tokens }
            }
            Err(error) => Look::Kept(error),
        }
    }

    fn join(&self, file: &Path, holders: Vec<Holder>) -> Result<Arc<[Arc<Holder>]>, TokenFileError> {
        for holder in &holders {
            if self.declared.iter().any(|declared| declared.name == holder.name) {
                let reason = format!("the configuration has a token of the same name: {}", holder.name);
                return Err(TokenFileError::broken(file, reason));
            }
        }
        Ok(self.declared.iter().cloned().chain(holders.into_iter().map(Arc::new)).collect())
    }

    fn held(&self) -> Arc<[Arc<Holder>]> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }
}
