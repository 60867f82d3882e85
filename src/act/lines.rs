//! JSON lines over a Unix socket, bounded in length, number and time. Both sides speak through this.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::limits::{ACT_LINE_BYTES_MAX, ACT_LINES_QUEUED_MAX, ACT_SAY_TIMEOUT};

/// What is heard of the other side. It ends when the other side closes, or says what is not understood.
pub(crate) struct Ears<In> {
    heard: mpsc::Receiver<In>,
    reader: JoinHandle<()>,
}

/// What says lines to the other side. The connection closes when all clones are dropped and all lines are written.
#[derive(Clone, Debug)]
pub(crate) struct Mouth {
    lines: mpsc::Sender<Vec<u8>>,
}

/// Room for one more line.
pub(crate) struct Room<'a>(mpsc::Permit<'a, Vec<u8>>);

/// Why something was not said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SayError {
    /// The other side is gone, or does not read.
    #[error("the connection is lost")]
    Lost,
    /// It cannot be put into one line.
    #[error("line is too long: {0} bytes")]
    TooLong(usize),
    /// It cannot be put into JSON.
    #[error("line cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Speaks over a connected socket.
pub(crate) fn open<In: DeserializeOwned + Send + 'static>(stream: UnixStream) -> (Ears<In>, Mouth) {
    let (reader, writer) = stream.into_split();
    let (sender, heard) = mpsc::channel(ACT_LINES_QUEUED_MAX);
    let reader = tokio::spawn(async move {
        if let Err(reason) = hear_all(reader, &sender).await {
            tracing::warn!(reason, "a line between run and act was not understood, connection closed");
        }
    });
    let (lines, queued) = mpsc::channel(ACT_LINES_QUEUED_MAX);
    tokio::spawn(say_all(writer, queued));
    (Ears { heard, reader }, Mouth { lines })
}

impl<In> Ears<In> {
    /// The next line; nothing once the conversation is over. Loses nothing when it is dropped while waiting.
    pub(crate) async fn hear(&mut self) -> Option<In> {
        self.heard.recv().await
    }
}

impl<In> Drop for Ears<In> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Mouth {
    /// Says one line; waits for room.
    pub(crate) async fn say<Out: Serialize>(&self, out: &Out) -> Result<(), SayError> {
        let line = encode(out)?;
        self.lines.send(line).await.map_err(|_| SayError::Lost)
    }

    /// Waits for room for one more line.
    pub(crate) async fn room(&self) -> Result<Room<'_>, SayError> {
        self.lines.reserve().await.map(Room).map_err(|_| SayError::Lost)
    }
}

impl Room<'_> {
    /// Says one line, at once.
    pub(crate) fn say<Out: Serialize>(self, out: &Out) -> Result<(), SayError> {
        self.0.send(encode(out)?);
        Ok(())
    }
}

fn encode<Out: Serialize>(out: &Out) -> Result<Vec<u8>, SayError> {
    let mut bytes = serde_json::to_vec(out)?;
    bytes.push(b'\n');
    if bytes.len() > ACT_LINE_BYTES_MAX { Err(SayError::TooLong(bytes.len())) } else { Ok(bytes) }
}

/// Writes each line, until nobody says any more or the other side does not take it.
async fn say_all(mut writer: OwnedWriteHalf, mut queued: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = queued.recv().await {
        if !matches!(timeout(ACT_SAY_TIMEOUT, writer.write_all(&line)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Hands on each line until the other side closes; the error is why it could not go on.
async fn hear_all<In: DeserializeOwned>(reader: OwnedReadHalf, sender: &mpsc::Sender<In>) -> Result<(), String> {
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let most = u64::try_from(ACT_LINE_BYTES_MAX).unwrap_or(u64::MAX);
        match (&mut reader).take(most).read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(_) if bytes.last() != Some(&b'\n') && bytes.len() == ACT_LINE_BYTES_MAX => {
                return Err(format!("longer than {ACT_LINE_BYTES_MAX} bytes"));
            }
            // The other side died within a line: what it meant to say is said again by whoever comes after it.
            Ok(_) if bytes.last() != Some(&b'\n') => return Ok(()),
            Ok(_) => {}
        }
        let line = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if sender.send(line).await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(bytes: &[u8]) -> Vec<u32> {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let (mut ears, _mouth) = open::<u32>(ours);
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move { theirs.write_all(&bytes).await });
        let mut all = Vec::new();
        while let Some(number) = ears.hear().await {
            all.push(number);
        }
        drop(ears);
        let _ = writing.await;
        all
    }

    #[tokio::test]
    async fn hears_whole_lines_and_ends_at_the_first_that_it_does_not_understand() {
        assert_eq!(heard(b"1\n22\n").await, [1, 22]);
        assert_eq!(heard(b"1\n22").await, [1], "half a line is none");
        assert_eq!(heard(b"1\nx\n2\n").await, [1]);
        assert_eq!(heard(b"1\n\xff\xfe\n2\n").await, [1]);
        let mut long = b"1\n".to_vec();
        long.extend(vec![b' '; ACT_LINE_BYTES_MAX]);
        long.extend(b"2\n3\n");
        assert_eq!(heard(&long).await, [1]);
    }

    #[tokio::test]
    async fn says_no_line_that_the_other_side_would_refuse() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (_ears, mouth) = open::<u32>(ours);
        let error = mouth.say(&"x".repeat(ACT_LINE_BYTES_MAX)).await.expect_err("too long");
        assert!(matches!(error, SayError::TooLong(_)), "{error}");
        mouth.room().await.expect("the connection stands");
        drop(theirs);
        let mut result = Ok(());
        for _ in 0..1_000 {
            result = mouth.say(&1).await;
            tokio::task::yield_now().await;
        }
        assert!(matches!(result, Err(SayError::Lost)), "{result:?}");
    }

    #[tokio::test]
    async fn what_was_said_arrives_although_the_speaker_is_gone() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let (ears, mouth) = open::<u32>(ours);
        for number in 0..3 {
            mouth.say(&number).await.expect("is taken");
        }
        drop((ears, mouth));
        let mut all = String::new();
        theirs.read_to_string(&mut all).await.expect("is closed");
        assert_eq!(all, "0\n1\n2\n");
    }
}
