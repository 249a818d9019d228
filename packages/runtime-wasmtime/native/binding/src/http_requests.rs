//! Requests that JavaScript answers: their bodies on the way in, their answers on the way out, both with back-pressure.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{AbortHandle, Abortable};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::http_events::{Event, Events};

/// Bytes of a body that may wait for their reader, in either direction.
const WINDOW: usize = 256 * 1024;

/// What JavaScript answers first.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: AnswerBody,
}

enum Piece {
    Data(Bytes),
    End,
    Abort,
}

/// One request between its head and the end of its answer.
struct Open {
    answer: Option<oneshot::Sender<Answer>>,
    pieces: Option<(mpsc::UnboundedSender<Piece>, Arc<Outflow>)>,
    inflow: Arc<Inflow>,
}

/// Bytes of the request's body that JavaScript has not taken yet.
#[derive(Default)]
struct Inflow {
    waiting: AtomicUsize,
    taken: Notify,
    pump: Mutex<Option<AbortHandle>>,
    discarded: AtomicBool,
}

impl Inflow {
    fn discard(&self) {
        self.discarded.store(true, Ordering::Release);
        if let Some(pump) = self.pump.lock().take() {
            pump.abort();
        }
    }
}

/// Bytes of the answer's body that the client has not taken yet.
#[derive(Default)]
struct Outflow {
    waiting: AtomicUsize,
    /// JavaScript was told to wait.
    full: AtomicBool,
}

/// All requests of one plane that JavaScript answers.
pub(crate) struct Requests {
    open: Mutex<HashMap<u32, Open>>,
    last_id: AtomicU32,
    events: Arc<Events>,
    closed: AtomicBool,
}

impl Requests {
    pub(crate) fn new(events: Arc<Events>) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), last_id: AtomicU32::new(0), events, closed: AtomicBool::new(false) })
    }

    /// Tells JavaScript of a request and waits for its answer. `None` when the plane was let go of. Dropping the future, or the body of the
    /// answer before its end, tells JavaScript that the client left.
    pub(crate) fn ask<B>(
        self: &Arc<Self>,
        head: Vec<String>,
        body: B,
    ) -> impl Future<Output = Option<Answer>> + Send + use<B>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let inflow = Arc::<Inflow>::default();
        let guard = Guard { requests: self.clone(), id, whole: false };
        if !self.closed.load(Ordering::Acquire) {
            let open = Open { answer: Some(sender), pieces: None, inflow: inflow.clone() };
            self.open.lock().insert(id, open);
            self.events.push(Event::Request { id, head, has_body: !body.is_end_stream() });
        }
        let events = self.events.clone();
        async move {
            if !body.is_end_stream() {
                let mut pump = Box::pin(pump(id, body, inflow.clone(), events));
                // A small body has mostly arrived with its head, and needs no task of its own.
                let done = std::future::poll_fn(|context| Poll::Ready(pump.as_mut().poll(context).is_ready())).await;
                if !done {
                    let (handle, registration) = AbortHandle::new_pair();
                    *inflow.pump.lock() = Some(handle);
                    if inflow.discarded.load(Ordering::Acquire) {
                        inflow.discard();
                    }
                    drop(tokio::spawn(Abortable::new(pump, registration)));
                }
            }
            let mut answer = receiver.await.ok()?;
            answer.body.guard = Some(guard);
            Some(answer)
        }
    }

    /// Answers as a whole. False when nobody waits for it.
    pub(crate) fn answer_whole(&self, id: u32, status: StatusCode, headers: HeaderMap, body: Bytes) -> bool {
        let Some(open) = self.open.lock().remove(&id) else { return false };
        open.inflow.discard();
        let answer = Answer { status, headers, body: AnswerBody::whole(body) };
        open.answer.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// Begins an answer that is streamed. False when nobody waits for it.
    pub(crate) fn answer_streamed(&self, id: u32, status: StatusCode, headers: HeaderMap) -> bool {
        let mut requests = self.open.lock();
        let Some(open) = requests.get_mut(&id) else { return false };
        let Some(waiting) = open.answer.take() else { return false };
        let (sender, receiver) = mpsc::unbounded_channel();
        let outflow = Arc::<Outflow>::default();
        open.pieces = Some((sender, outflow.clone()));
        drop(requests);
        let body = AnswerBody {
            id,
            content: Content::Pieces(receiver, outflow),
            events: Some(self.events.clone()),
            guard: None,
        };
        waiting.send(Answer { status, headers, body }).is_ok()
    }

    /// Adds to a streamed answer. False when more should wait.
    pub(crate) fn write(&self, id: u32, bytes: Bytes) -> bool {
        let requests = self.open.lock();
        let Some((pieces, outflow)) = requests.get(&id).and_then(|open| open.pieces.as_ref()) else { return true };
        if bytes.is_empty() {
            return true;
        }
        let waiting = outflow.waiting.fetch_add(bytes.len(), Ordering::AcqRel) + bytes.len();
        if pieces.send(Piece::Data(bytes)).is_err() {
            return true;
        }
        if waiting < WINDOW {
            return true;
        }
        outflow.full.store(true, Ordering::Release);
        // The reader may have caught up before it could see the mark: whoever takes the mark down decides.
        outflow.waiting.load(Ordering::Acquire) < WINDOW && outflow.full.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn end(&self, id: u32) {
        self.finish(id, Piece::End);
    }

    pub(crate) fn abort(&self, id: u32) {
        self.finish(id, Piece::Abort);
    }

    fn finish(&self, id: u32, last: Piece) {
        let requests = self.open.lock();
        if let Some((pieces, _)) = requests.get(&id).and_then(|open| open.pieces.as_ref()) {
            // Nobody reads any more: then the request is over already.
            let _ = pieces.send(last);
        }
    }

    /// JavaScript has taken so many bytes of the request's body.
    pub(crate) fn read_more(&self, id: u32, size: usize) {
        if let Some(open) = self.open.lock().get(&id) {
            let waiting = &open.inflow.waiting;
            // Never below nothing, whatever JavaScript says.
            let _ = waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_sub(size)));
            open.inflow.taken.notify_one();
        }
    }

    pub(crate) fn discard_body(&self, id: u32) {
        if let Some(open) = self.open.lock().get(&id) {
            open.inflow.discard();
        }
    }

    /// Lets go of every request; what was not answered is answered by the plane.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let all = std::mem::take(&mut *self.open.lock());
        for open in all.into_values() {
            open.inflow.discard();
        }
    }

    fn over(&self, id: u32, aborted: bool) {
        let Some(open) = self.open.lock().remove(&id) else { return };
        open.inflow.discard();
        self.events.push(Event::Over { id, aborted });
    }
}

/// Hands a body over, piece by piece, as far ahead as the window allows.
async fn pump<B>(id: u32, mut body: B, inflow: Arc<Inflow>, events: Arc<Events>)
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let reason = loop {
        while inflow.waiting.load(Ordering::Acquire) >= WINDOW {
            inflow.taken.notified().await;
        }
        match body.frame().await {
            None => break None,
            Some(Err(error)) => break Some(error.to_string()),
            Some(Ok(frame)) => {
                // Trailers have no place in the contract.
                if let Ok(bytes) = frame.into_data()
                    && !bytes.is_empty()
                {
                    inflow.waiting.fetch_add(bytes.len(), Ordering::AcqRel);
                    events.push(Event::BodyChunk { id, bytes });
                }
            }
        }
    };
    events.push(Event::BodyEnd { id, reason });
}

/// Ends a request's entry when nobody waits for its answer any more.
struct Guard {
    requests: Arc<Requests>,
    id: u32,
    /// The answer was read to its end.
    whole: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.requests.over(self.id, !self.whole);
    }
}

enum Content {
    Whole(Option<Bytes>),
    Pieces(mpsc::UnboundedReceiver<Piece>, Arc<Outflow>),
    Ended,
}

/// The body of an answer.
pub(crate) struct AnswerBody {
    id: u32,
    content: Content,
    events: Option<Arc<Events>>,
    guard: Option<Guard>,
}

/// JavaScript cut the answer, or is gone: the connection must not end as if all was well.
#[derive(Debug)]
pub(crate) struct AnswerCut;

impl std::fmt::Display for AnswerCut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the answer was cut by its handler")
    }
}

impl std::error::Error for AnswerCut {}

impl AnswerBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let content = if bytes.is_empty() { Content::Ended } else { Content::Whole(Some(bytes)) };
        Self { id: 0, content, events: None, guard: None }
    }

    fn ended(&mut self) {
        self.content = Content::Ended;
        if let Some(guard) = &mut self.guard {
            guard.whole = true;
        }
        self.guard = None;
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerCut>>> {
        let this = &mut *self;
        let (receiver, outflow) = match &mut this.content {
            Content::Ended => return Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = bytes.take();
                this.ended();
                return Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))));
            }
            Content::Pieces(receiver, outflow) => (receiver, outflow),
        };
        match std::task::ready!(receiver.poll_recv(context)) {
            Some(Piece::Data(bytes)) => {
                let left = outflow.waiting.fetch_sub(bytes.len(), Ordering::AcqRel) - bytes.len();
                if left < WINDOW / 2
                    && outflow.full.swap(false, Ordering::AcqRel)
                    && let Some(events) = &this.events
                {
                    events.push(Event::Writable { id: this.id });
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Piece::End) => {
                this.ended();
                Poll::Ready(None)
            }
            Some(Piece::Abort) | None => {
                this.content = Content::Ended;
                this.guard = None;
                Poll::Ready(Some(Err(AnswerCut)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Content::Whole(None) | Content::Ended => SizeHint::with_exact(0),
            Content::Pieces(..) => SizeHint::default(),
        }
    }
}
