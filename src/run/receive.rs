//! A body on its way into a sink.

use crate::client::{BodyLimits, DecodedBody, Piece};
use crate::error::Error;
use crate::report::{Progress, TerminalText};
use crate::save::Sink;
use crate::sys::SplicePipe;
use ring::digest::Context;

/// Below this many bytes a pipe is not worth making.
const WORTH_SPLICING: u64 = 512 * 1024;

/// Receives a body to its end, into a sink and a digest.
pub(super) fn receive(
    body: &mut DecodedBody,
    sink: &mut Sink,
    mut digest: Option<&mut Context>,
    progress: &Progress,
    limits: &BodyLimits,
) -> Result<(), Error> {
    // On a terminal, what could control it is escaped.
    let mut terminal = sink.is_terminal().then(TerminalText::default);
    let mut may_splice = digest.is_none() && sink.is_file();
    while let Some(Piece { bytes, all_received }) = body.next()? {
        limits.check_size(sink.length() + bytes.len() as u64)?;
        if let Some(digest) = &mut digest {
            digest.update(bytes);
        }
        match &mut terminal {
            Some(text) => sink.show(&text.next_piece(bytes), bytes.len())?,
            None => sink.write(bytes, all_received)?,
        }
        progress.set(body.wire_bytes());
        if !all_received {
            sink.record();
        }
        if may_splice && body.spliceable() >= WORTH_SPLICING {
            may_splice = splice(body, sink, progress, limits)?;
        }
    }
    terminal.map_or(Ok(()), |mut text| sink.show(&text.rest(), 0))
}

/// Moves what is left of a body of known length straight into the file, inside the kernel; false where the
/// system cannot.
fn splice(body: &mut DecodedBody, sink: &mut Sink, progress: &Progress, limits: &BodyLimits) -> Result<bool, Error> {
    let Some(pipe) = SplicePipe::new() else { return Ok(false) };
    limits.check_size(sink.length().saturating_add(body.spliceable()))?;
    while body.spliceable() > 0 {
        let moved = body.splice(&pipe)?;
        sink.write_from_pipe(&pipe, moved)?;
        progress.set(body.wire_bytes());
    }
    Ok(true)
}
