//! Removing the framing of a body, slice by slice.

use super::chunked::{Chunked, Deframed};
use super::framing::{Framing, FramingError};

/// Removes the framing of a body, slice by slice.
#[derive(Debug)]
pub(crate) struct Deframer {
    state: State,
    received: u64,
}

#[derive(Debug)]
enum State {
    Length { left: u64 },
    Chunked(Chunked),
    UntilClose { closed: bool },
}

impl Deframer {
    /// A deframer at the start of a body.
    pub(crate) fn new(framing: Framing) -> Deframer {
        let state = match framing {
            Framing::Empty => State::Length { left: 0 },
            Framing::Length(left) => State::Length { left },
            Framing::Chunked => State::Chunked(Chunked::new()),
            Framing::UntilClose => State::UntilClose { closed: false },
        };
        Deframer { state, received: 0 }
    }

    /// Removes the framing from the start of what was received. Small chunks are moved together, so
    /// that the data of one step is one slice; bytes past the end of the body are not consumed.
    pub(crate) fn step(&mut self, buffer: &mut [u8]) -> Result<Deframed, FramingError> {
        let done = match &mut self.state {
            State::Length { left } => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= length as u64;
                Deframed { consumed: length, data: 0..length }
            }
            State::Chunked(chunked) => chunked.step(buffer).map_err(|(offset, what)| FramingError::Chunk { offset, what })?,
            State::UntilClose { .. } => Deframed { consumed: buffer.len(), data: 0..buffer.len() },
        };
        self.received += done.data.len() as u64;
        Ok(done)
    }

    /// How many bytes may be moved without being looked at, where their number is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self.state {
            State::Length { left } => Some(left),
            _ => None,
        }
    }

    /// Counts bytes that were moved without being looked at; at most [`Deframer::left`].
    pub(crate) fn skip(&mut self, moved: u64) {
        if let State::Length { left } = &mut self.state {
            *left = left.saturating_sub(moved);
            self.received += moved;
        }
    }

    /// Whether bytes after the body can be trusted to be the next response: not after a chunk line that
    /// ended with a bare LF, which another recipient may have read otherwise.
    pub(crate) fn keeps_connection(&self) -> bool {
        !matches!(&self.state, State::Chunked(chunked) if chunked.has_bare_lf())
    }

    /// Whether the body is whole.
    pub(crate) fn is_done(&self) -> bool {
        match &self.state {
            State::Length { left } => *left == 0,
            State::Chunked(chunked) => chunked.is_done(),
            State::UntilClose { closed } => *closed,
        }
    }

    /// The verdict when the connection was closed in good order: the end of the body where closing
    /// is the end, cut off where the body is not [done](Deframer::is_done).
    pub(crate) fn close(&mut self) -> Result<(), FramingError> {
        if let State::UntilClose { closed } = &mut self.state {
            *closed = true;
        }
        if self.is_done() { Ok(()) } else { Err(self.cut_off()) }
    }

    /// How far the body got, as the error for a connection that broke.
    pub(crate) fn cut_off(&self) -> FramingError {
        FramingError::CutOff { received: self.received, expected: self.left().map(|left| self.received + left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_counted_to_the_byte() {
        let mut deframer = Deframer::new(Framing::Length(5));
        assert_eq!(deframer.step(&mut b"abc".to_vec()), Ok(Deframed { consumed: 3, data: 0..3 }));
        assert_eq!(deframer.close(), Err(FramingError::CutOff { received: 3, expected: Some(5) }));
        deframer.skip(1);
        assert_eq!(deframer.step(&mut b"efg".to_vec()), Ok(Deframed { consumed: 1, data: 0..1 }));
        assert_eq!((deframer.is_done(), deframer.close()), (true, Ok(())));
    }

    #[test]
    fn only_a_close_ends_a_body_without_framing() {
        let mut deframer = Deframer::new(Framing::UntilClose);
        assert_eq!(deframer.step(&mut b"abc".to_vec()), Ok(Deframed { consumed: 3, data: 0..3 }));
        assert!(!deframer.is_done());
        assert_eq!(deframer.cut_off(), FramingError::CutOff { received: 3, expected: None });
        assert_eq!((deframer.close(), deframer.is_done()), (Ok(()), true));
    }
}
