//! The body of an answer: bytes of the plane itself, of its owner, or of a guest that is still running and is driven from here.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::unconstrained;
use tokio::time::Sleep;
use wasmtime_wasi_http::WasiBody;

use crate::error::{EngineError, ErrorCode};
use crate::runtime::Runtime;

use super::flight::Flight;
use super::guest::{GuestFuture, Returned, StoreLost};
use super::handlers::FallbackBody;
use super::stats::Ending;

/// How long a guest may go on after its answer was sent.
const AFTER_ANSWER: Duration = Duration::from_secs(1);

/// What is handed over at once. Whoever writes the answer has it off his hands then: of a larger piece nobody would know that its client is
/// still taking it, and a client that takes nothing would make the whole of it be held.
const PIECE_BYTES: usize = 64 * 1024;

/// See the module's description.
pub(crate) struct AnswerBody {
    content: Content,
    /// Of the piece that was handed over last.
    rest: Bytes,
    flight: Option<Flight>,
    /// Its answer has no content: nobody may be given any.
    unasked: bool,
}

enum Content {
    Nothing,
    Whole(Bytes),
    Owner(FallbackBody),
    Guest(Box<GuestBody>),
}

/// What a guest writes, and the guest.
struct GuestBody {
    /// Taken from the body already.
    taken: [Option<Result<Frame<Bytes>, Broken>>; 2],
    body: WasiBody,
    guest: Guest,
}

/// Whoever writes the body.
enum Guest {
    /// Goes on after its head.
    Running(Running),
    /// Has returned. Held until the body has ended, because a body that was never finished ends as if it were whole once its store is gone.
    Returned(Returned),
}

struct Running {
    guest: GuestFuture,
    lost: StoreLost,
    deadline: Instant,
    /// Made when the guest has to be waited for.
    sleep: Option<Pin<Box<Sleep>>>,
    /// The body was asked for at least once.
    begun: bool,
}

/// The answer breaks off here. Its client must not take it for whole.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the answer was not finished")
    }
}

impl std::error::Error for Broken {}

type Polled = Poll<Option<Result<Frame<Bytes>, Broken>>>;

fn now(polled: Polled) -> Option<Result<Frame<Bytes>, Broken>> {
    match polled {
        Poll::Ready(frame) => frame,
        Poll::Pending => None,
    }
}

/// Tokio takes turns between tasks by letting what is there look as if it were not; of a guest that has returned, that would be a broken answer.
fn poll_body(
    body: &mut WasiBody,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, wasmtime_wasi_http::Error>>> {
    pin!(unconstrained(poll_fn(|context| Pin::new(&mut *body).poll_frame(context)))).poll(context)
}

impl AnswerBody {
    fn of(content: Content) -> Self {
        Self { content, rest: Bytes::new(), flight: None, unasked: false }
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::of(if bytes.is_empty() { Content::Nothing } else { Content::Whole(bytes) })
    }

    pub(crate) fn of_owner(body: FallbackBody) -> Self {
        Self::of(Content::Owner(body))
    }

    /// What a guest has written that has returned already: mostly all of it, then it needs no chunks.
    pub(crate) fn of_returned_guest(mut body: WasiBody, returned: Returned) -> Self {
        // A body tells each thing once: what is taken here and is not the whole answer is kept for the one who asks for the body.
        let mut taken = [None, None];
        let mut next = || poll_body(&mut body, &mut Context::from_waker(Waker::noop())).map_err(|_| Broken);
        let first = match next() {
            Poll::Ready(None) => Some(Bytes::new()),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => match next() {
                    Poll::Ready(None) => Some(data),
                    second => {
                        taken = [Some(Ok(Frame::data(data))), now(second)];
                        None
                    }
                },
                Err(trailers) => {
                    taken[0] = Some(Ok(trailers));
                    None
                }
            },
            broken => {
                taken[0] = now(broken);
                None
            }
        };
        if let Some(whole) = first {
            returned.release();
            return Self::whole(whole);
        }
        let guest = Guest::Returned(returned);
        Self::of(Content::Guest(Box::new(GuestBody { taken, body, guest })))
    }

    pub(crate) fn of_running_guest(body: WasiBody, guest: GuestFuture, lost: StoreLost, deadline: Instant) -> Self {
        let guest = Guest::Running(Running { guest, lost, deadline, sleep: None, begun: false });
        Self::of(Content::Guest(Box::new(GuestBody { taken: [None, None], body, guest })))
    }

    /// Everything that the request holds is held until here.
    pub(crate) fn with_flight(mut self, flight: Flight) -> Self {
        self.flight = Some(flight);
        if matches!(self.content, Content::Nothing) {
            self.end(Ending::Whole);
        }
        self
    }

    /// Looks empty to whoever would send it. HTTP/1.1 leaves such bodies alone by itself.
    pub(crate) fn unasked(mut self) -> Self {
        self.unasked = true;
        self
    }

    fn end(&mut self, ending: Ending) {
        if let Some(flight) = &mut self.flight {
            flight.end(ending);
        }
    }

    fn broken(&mut self, ending: Ending) -> Polled {
        self.content = Content::Nothing;
        self.rest = Bytes::new();
        if let Some(flight) = &mut self.flight {
            flight.break_off(ending);
        }
        Poll::Ready(Some(Err(Broken)))
    }

    fn hand_over(&mut self, frame: Frame<Bytes>) -> Polled {
        let frame = match frame.into_data() {
            Ok(mut data) => {
                self.rest = data.split_off(data.len().min(PIECE_BYTES));
                Frame::data(data)
            }
            Err(trailers) => trailers,
        };
        let last = self.is_end_stream();
        if let Some(flight) = &mut self.flight {
            flight.add_bytes(frame.data_ref().map_or(0, Bytes::len));
            flight.set_untaken(true);
        }
        if last {
            self.end(Ending::Whole);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn finished(&mut self) -> Polled {
        self.end(Ending::Whole);
        Poll::Ready(None)
    }
}

impl GuestBody {
    /// Lets the guest go on, then looks for what it has written. The error says how a broken answer ended.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        flight: Option<&Flight>,
    ) -> Poll<Option<Result<Frame<Bytes>, Ending>>> {
        if let Guest::Running(running) = &mut self.guest {
            running.begun = true;
            match Pin::new(&mut running.guest).poll(context) {
                Poll::Pending => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(ending_of(&error)))),
                Poll::Ready(Ok(returned)) => {
                    self.guest = Guest::Returned(returned);
                    if let Some(flight) = flight {
                        flight.set_deadline(None);
                    }
                }
            }
        }
        if let Some(taken) = self.taken.iter_mut().find_map(Option::take) {
            return Poll::Ready(Some(taken.map_err(|Broken| Ending::Failed)));
        }
        match poll_body(&mut self.body, context) {
            Poll::Ready(None) => match &self.guest {
                Guest::Running(running) if running.lost.get() => {
                    let late = running.deadline <= Instant::now();
                    Poll::Ready(Some(Err(if late { Ending::Timeout } else { Ending::Failed })))
                }
                _ => Poll::Ready(None),
            },
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            // The guest took its body back.
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(Ending::Failed))),
            Poll::Pending => match &mut self.guest {
                // Nobody is left who could finish it.
                Guest::Returned(_) => Poll::Ready(Some(Err(Ending::Failed))),
                Guest::Running(running) => {
                    let deadline = running.deadline.into();
                    let sleep = running.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                    ready!(sleep.as_mut().poll(context));
                    Poll::Ready(Some(Err(Ending::Timeout)))
                }
            },
        }
    }

    /// The answer is over. A guest that was not finished with it gets a moment for what it does afterwards.
    fn after(self, flight: Option<&mut Flight>) {
        let Self { body, guest, .. } = self;
        // Now the guest sees that nobody reads.
        drop(body);
        match guest {
            Guest::Returned(returned) => returned.release(),
            Guest::Running(mut running) => {
                let context = &mut Context::from_waker(Waker::noop());
                if let Poll::Ready(ended) = Pin::new(&mut running.guest).poll(context) {
                    if let Ok(returned) = ended {
                        returned.release();
                    }
                    return;
                }
                let until = running.deadline.min(Instant::now() + AFTER_ANSWER);
                let pin = flight.and_then(Flight::take_pin);
                if let Ok(runtime) = Runtime::get() {
                    runtime.short_lane.spawn(async move {
                        let _pin = pin;
                        if let Ok(Ok(returned)) = tokio::time::timeout_at(until.into(), running.guest).await {
                            returned.release();
                        }
                    });
                }
            }
        }
    }
}

/// What a guest's failure counts as.
pub(crate) fn ending_of(error: &EngineError) -> Ending {
    if error.code() == ErrorCode::Timeout { Ending::Timeout } else { Ending::Failed }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let own = &mut *self;
        if let Some(flight) = &own.flight {
            flight.set_untaken(false);
        }
        if !own.rest.is_empty() {
            let rest = std::mem::take(&mut own.rest);
            return own.hand_over(Frame::data(rest));
        }
        match &mut own.content {
            Content::Nothing => Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                own.content = Content::Nothing;
                own.hand_over(Frame::data(bytes))
            }
            Content::Owner(body) => match ready!(Pin::new(&mut *body).poll_frame(context)) {
                None => own.finished(),
                Some(Ok(frame)) => own.hand_over(frame),
                Some(Err(_)) => own.broken(Ending::Failed),
            },
            Content::Guest(guest) => match ready!(guest.poll(context, own.flight.as_ref())) {
                None => own.finished(),
                Some(Ok(frame)) => own.hand_over(frame),
                Some(Err(ending)) => own.broken(ending),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.unasked
            || self.rest.is_empty()
                && match &self.content {
                    Content::Nothing => true,
                    Content::Owner(body) => body.is_end_stream(),
                    Content::Whole(_) | Content::Guest(_) => false,
                }
    }

    fn size_hint(&self) -> SizeHint {
        let content = match &self.content {
            Content::Nothing => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Owner(body) => body.size_hint(),
            Content::Guest(guest) => guest.body.size_hint(),
        };
        let rest = self.rest.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(content.lower() + rest);
        if let Some(upper) = content.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        let content = std::mem::replace(&mut self.content, Content::Nothing);
        let Content::Guest(guest) = content else { return };
        // Answers to HEAD are never asked for their body; that is no client that left.
        let unasked = matches!(&guest.guest, Guest::Running(running) if !running.begun);
        let cut = self.flight.as_ref().is_some_and(|flight| flight.connection.is_cut());
        if unasked && !cut {
            self.end(Ending::Whole);
        }
        let whole = self.flight.as_ref().is_none_or(|flight| flight.ending() == Some(Ending::Whole));
        if whole && !cut {
            guest.after(self.flight.as_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use tokio::task::coop::{consume_budget, cooperative, has_budget_remaining};

    use super::*;

    /// A body that takes part in Tokio's turns, as those of guests do.
    struct TakesTurns(Full<Bytes>);

    impl Body for TakesTurns {
        type Data = Bytes;
        type Error = wasmtime_wasi_http::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, wasmtime_wasi_http::Error>>> {
            let frame = poll_fn(|context| Pin::new(&mut self.0).poll_frame(context).map_err(|never| match never {}));
            pin!(cooperative(frame)).poll(context)
        }
    }

    #[test]
    fn what_a_guest_wrote_is_seen_by_a_task_that_has_used_up_its_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            while has_budget_remaining() {
                consume_budget().await;
            }
            let context = &mut Context::from_waker(Waker::noop());
            let mut body = TakesTurns(Full::from("whole")).boxed_unsync();
            assert!(Pin::new(&mut body).poll_frame(context).is_pending(), "this is what the turns are for");
            assert!(poll_body(&mut body, context).is_ready());
        });
    }
}
