"""gunicorn's ASGI worker, with time-outs and with refusals that clients can parse.

Made for gunicorn 27.0, whose ASGI worker waits for a request without a limit and sends refusals in plain text.
"""

import asyncio
import os
import select
import socket
from functools import partial
from multiprocessing.sharedctypes import RawArray
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

# The headers must arrive within this time, counted from the request's first byte. For the first request of a
# connection, it is counted from the start of the connection.
HEADERS_WITHIN_SECONDS = 10.0
# A client is cut off if the buffer of its response stays full for this long, because the client reads too little.
READ_WITHIN_SECONDS = 60.0
# After the last response, the connection ends once nothing has arrived from the client for this long.
LINGER_SECONDS = 2.0
# How long a stopping worker keeps idle connections, whose clients may be sending a request at this moment.
STOP_IDLE_AFTER_SECONDS = 1.0
HEARTBEAT_SECONDS = 0.5
BAD_REQUEST = 400
OVERLOADED = 503
TIMED_OUT = 408


# An old worker waits at most this long for a new worker that accepts connections. Then it stops anyway.
SUCCESSOR_WITHIN_SECONDS = 60.0


class Handover:
    """Shared memory from which old workers learn after a reload whether a new worker accepts connections.

    gunicorn stops the old workers as soon as it has forked new workers. These still have to load the application.
    """

    def __init__(self) -> None:
        self._ages = RawArray("q", 2)

    @property
    def last_old_age(self) -> int:
        """The age (gunicorn's number) of the youngest worker that is to stop, or 0 before any reload."""
        return int(self._ages[0])

    @last_old_age.setter
    def last_old_age(self, age: int) -> None:
        self._ages[0] = age

    def serves(self, age: int) -> None:
        """Note that the worker of this age accepts connections."""
        self._ages[1] = max(self._ages[1], age)

    def lacks_successor(self, age: int) -> bool:
        """Tell whether the worker of this age is to be replaced, and no new worker accepts connections yet."""
        return age <= self.last_old_age and self._ages[1] <= self.last_old_age


handover = Handover()


class Worker(ASGIWorker):
    """Serves a WSGI application in threads, and never lets a thread wait for a client."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connections: set[Connection] = set()
        self._accepted: set[asyncio.Task[Any]] = set()
        self.is_stopping = False

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Accept the setting `threads`, which gunicorn's ASGI worker does not use."""

    def load_wsgi(self) -> None:
        """Load the application."""
        wsgi = self.app.wsgi()
        # Imported here, because it needs Django. The application has set up Django by now, and the master never does.
        from ops.asgi import InThreads  # noqa: PLC0415

        self.asgi = InThreads(wsgi, self.cfg.threads)

    def handle_exit_signal(self) -> None:
        """Stop gracefully: from now on, each response is the last one of its connection.

        If gunicorn's own `alive` were set to False, gunicorn would also end connections whose last response has
        promised to keep them open.
        """
        self.is_stopping = True

    async def _serve(self) -> None:
        self._start_accepting()
        handover.serves(self.age)
        while self.alive and not self.is_stopping and self.ppid == os.getppid():
            await self._serve_a_moment()
        give_up_at = self.loop.time() + SUCCESSOR_WITHIN_SECONDS
        while self.alive and handover.lacks_successor(self.age) and self.loop.time() < give_up_at:
            await self._serve_a_moment()
        await self._accept_waiting()
        self._stop_accepting()
        for listener in self.sockets:
            listener.close()  # now, because nobody would accept a connection that comes in later
        self.loop.call_later(STOP_IDLE_AFTER_SECONDS, self._close_idle)
        await self._shutdown()

    async def _serve_a_moment(self) -> None:
        self.notify()
        await asyncio.sleep(HEARTBEAT_SECONDS)

    def _start_accepting(self) -> None:
        for listener in self._listeners():
            self.loop.add_reader(listener, self._accept, listener)

    def _stop_accepting(self) -> None:
        for listener in self._listeners():
            self.loop.remove_reader(listener)

    def _listeners(self) -> list[socket.socket]:
        return [each.sock for each in self.sockets]

    def _accept(self, listener: socket.socket) -> None:
        """Accept one connection.

        asyncio's own server accepts all waiting connections, and leaves none to an idle process.
        """
        try:
            client, _address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:  # out of file descriptors or memory
            self.log.error("Can't accept connections: %s", error)  # noqa: TRY400 - the traceback says nothing
            self._stop_accepting()
            self.loop.call_later(HEARTBEAT_SECONDS, self._start_accepting)
            return
        task = self.loop.create_task(self.loop.connect_accepted_socket(partial(Connection, self), client))
        self._accepted.add(task)  # asyncio itself keeps only a weak reference
        task.add_done_callback(self._accepted.discard)

    async def _accept_waiting(self) -> None:
        """Accept the connections in the backlog, because closing the socket would reset them."""
        give_up_at = self.loop.time() + STOP_IDLE_AFTER_SECONDS
        while select.select(self._listeners(), [], [], 0)[0] and self.loop.time() < give_up_at:  # noqa: ASYNC110
            await asyncio.sleep(0)  # lets the event loop accept a connection

    def _close_idle(self) -> None:
        for connection in list(self.connections):
            connection.close_if_idle()


class Connection(ASGIProtocol):
    """A client's connection."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self._closed = False
        self._head = b""  # what has arrived of the headers of the next request
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._is_lingering = False
        self._is_sending = False
        self._has_said_all = False
        self._end_at = 0.0

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first request. Refuse connections over the limit."""
        super().connection_made(transport)
        self.worker.connections.add(self)
        self._expect_headers()
        if self.worker.nr_conns > self.worker.worker_connections:
            self._refuse(OVERLOADED)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.worker.connections.discard(self)
        for timer in (self._timer, self._unread):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request, or ignore it if the connection is ending."""
        if self._is_lingering:
            self._is_sending = True
        else:
            super().data_received(data)

    def eof_received(self) -> bool:
        """Note that the client sends nothing more. Return whether it still gets a response."""
        self._has_said_all = True
        if self._body_receiver and not self._body_receiver._complete:  # noqa: SLF001 - no public attribute tells whether the body is complete
            self._body_receiver.signal_disconnect()
        return self._current_request is not None and not self._is_lingering

    def pause_writing(self) -> None:
        """From now on, give the client a limited time to read its response."""
        super().pause_writing()
        self._unread = self.worker.loop.call_later(READ_WITHIN_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Lift the limit, because the client has read enough."""
        if self._unread:
            self._unread.cancel()
        super().resume_writing()

    def close_if_idle(self) -> None:
        """End the connection if there is no request on it."""
        if self._awaiting_request and not self._head:
            self._close_transport()

    def _feed_callback_parser(self, data: bytes) -> bool:
        if self._current_request is None:
            self._head += data
            if not self._timer:
                self._expect_headers()
        try:
            parsed: bool = super()._feed_callback_parser(data)
        except ValueError:  # a Content-Length of more digits than Python converts
            self._refuse(BAD_REQUEST)
            return False
        return parsed

    def _on_headers_complete(self) -> bool:
        skips_body: bool = super()._on_headers_complete()
        self._head = b""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        return skips_body

    def _arm_keepalive_timer(self) -> None:
        """Wait for the next request, or end the connection if there can't be one."""
        if self._has_said_all:
            self._close_transport()
        else:
            super()._arm_keepalive_timer()

    def _expect_headers(self) -> None:
        self._timer = self.worker.loop.call_later(HEADERS_WITHIN_SECONDS, self._headers_are_late)

    def _headers_are_late(self) -> None:
        if self._head:
            self._refuse(TIMED_OUT)
        else:
            self._close_transport()

    def _refuse(self, status: int) -> None:
        self._send_error_response(status)
        self._close_transport()

    def _send_error_response(self, status: int, *_text: Any) -> None:
        """Send a problem+json response in place of gunicorn's text, which quotes the request."""
        if self._closed:
            return
        peer = self.transport.get_extra_info("peername")
        self._safe_write(self.app.refuse(status, self._head, peer[0] if peer else ""))

    def _will_close(self, *arguments: Any) -> bool:
        return bool(self.worker.is_stopping or super()._will_close(*arguments))

    def _send_response_start(self, status: int, headers: Any, *arguments: Any, **options: Any) -> None:
        super()._send_response_start(status, headers, *arguments, **options)
        if (b"Connection", b"close") in headers:
            self._keepalive = 0

    def _is_websocket_upgrade(self, _request: Any) -> bool:
        """Ignore `Upgrade`: the server offers no other protocol."""
        return False

    def _close_transport(self) -> None:
        """Note that the last response was sent, and wait until the client has read it.

        If the connection were closed while the client is still sending, the kernel would reset it, and the client might
        lose the response.
        """
        if self._closed:
            return
        self._closed = self._is_lingering = True
        self._request_ready.set()  # so that gunicorn's task ends
        if self._body_receiver:
            self._body_receiver.signal_disconnect()
        self._resume_reading()
        if self._has_said_all:
            self.transport.close()
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._end_at = self.worker.loop.time() + READ_WITHIN_SECONDS
        self._linger()

    def _linger(self) -> None:
        """Close the connection once the client is silent for LINGER_SECONDS, or soon after `_end_at` in any case."""
        if self._timer:
            self._timer.cancel()
        self._is_sending = False
        self._timer = self.worker.loop.call_later(LINGER_SECONDS, self._end)

    def _end(self) -> None:
        is_busy = self._is_sending or self.transport.get_write_buffer_size()
        if is_busy and self.worker.loop.time() < self._end_at:
            self._linger()
        else:
            self.transport.abort()
