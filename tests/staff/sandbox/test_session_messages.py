"""What a session may send: a forged message ends it, and what is taken over is made anew."""

from __future__ import annotations

import json
import struct

import pytest

from course_staff.sandbox import sandbox as sandboxes
from course_staff.sandbox.inside import frames
from course_staff.sandbox.outputs import Outputs, clean
from course_staff.sandbox.sandbox import Sandbox

PROBLEM = sandboxes.problem()
needs_sandbox = pytest.mark.skipif(PROBLEM is not None, reason=f"sandbox: {PROBLEM}")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as made:
        yield made


@pytest.fixture
def session(sandbox):
    with sandbox.session() as made:
        yield made


OPEN = """
import json, os, socket, struct
ends = [socket.socket(fileno=os.dup(int(n))) for n in os.listdir("/proc/self/fd") if int(n) > 2 and
        os.path.exists(f"/proc/self/fd/{n}") and "socket" in os.readlink(f"/proc/self/fd/{n}")]
def send(text, blob=b""):
    for end in ends:
        end.sendall(struct.pack(">II", len(text), len(blob)) + text + blob)
"""


@needs_sandbox
@pytest.mark.parametrize(
    "forgery",
    [
        "send(b'no json')",
        "send(b'[' * 1_000_000)",
        "send(b'9' * 1_000_000)",
        "send(b'[]')",
        "send(json.dumps({'id': 'guessed', 'done': True, 'status': 'ok'}).encode())",
        "send(json.dumps({'done': True, 'status': 'ok'}).encode())",
        "[end.sendall(b'\\xff' * 64) for end in ends]",
        "send(b'{}', bytes(1000))",
        "[end.shutdown(socket.SHUT_RDWR) for end in ends]",
        "import sys\nsend(b'{}')\nsys.stdout.write('x')",
    ],
)
def test_a_forged_message_ends_the_session_and_never_is_an_answer(session, forgery):
    run = session.run(OPEN + forgery)
    assert run.status == "died" and not session.alive, run


@needs_sandbox
@pytest.mark.parametrize(
    "answer",
    ["{'status': 'won'}", "{'status': 'error', 'ename': 3}", "{'status': 'error', 'evalue': ['x']}", "{}"],
)
def test_an_answer_that_is_none_ends_the_session(session, answer):
    source = "import gc\nfrom course_staff.sandbox.inside.streams import Channel\n"
    source += f"[o for o in gc.get_objects() if type(o) is Channel][0].finish({answer})"
    assert session.run(source).status == "died"


@needs_sandbox
def test_text_that_cannot_be_written_is_mended(session):
    run = session.run("print('\\ud800 \\x00 \\x1b[31mred\\x1b[0m')\nraise ValueError('\\udfff\\x00')")
    assert run.outputs[0]["text"] == "?  red\n"
    assert run.evalue == "?"
    json.dumps(run.outputs, ensure_ascii=False).encode()


def test_a_reader_takes_any_pieces_and_believes_no_length():
    messages = [({"a": 1}, b""), ({"b": "é"}, b"\x00" * 300)]
    stream = b"".join(frames.encode(header, blob) for header, blob in messages)
    for size in (1, 7, len(stream)):
        reader, found = frames.Reader(blob_limit=300), []
        for start in range(0, len(stream), size):
            reader.feed(stream[start : start + size])
            while (message := reader.next()) is not None:
                found.append(message)
        assert found == messages
    for wrong in (struct.pack(">II", 2**31, 0), struct.pack(">II", 2, 301), struct.pack(">II", 2, 0) + b"[]"):
        reader = frames.Reader(blob_limit=300)
        reader.feed(wrong)
        with pytest.raises(frames.FrameError):
            reader.next()


def test_outputs_are_made_anew_from_what_was_sent():
    outputs = Outputs(1000)
    for sent in (
        {"output": "text"},
        {"output": {"output_type": "error", "ename": "forged"}},
        {"output": {"output_type": "stream", "name": ["x"], "text": 3}},
        {"output": {"output_type": "display_data", "data": {"text/html": {"a": 1}, "text/plain": "kept"}, "x": 1}},
        {"output": {"output_type": "execute_result", "data": {"text/plain": "9999"}, "execution_count": "many"}},
        {"output": {"output_type": "stream", "name": "other", "text": "t"}},
    ):
        outputs.take(sent)
    assert outputs.finished(4, "ok", "", "") == [
        {"output_type": "display_data", "data": {"text/plain": "kept"}, "metadata": {}},
        {"output_type": "execute_result", "data": {"text/plain": "9999"}, "metadata": {}, "execution_count": 4},
        {"output_type": "stream", "name": "stdout", "text": "t"},
    ]


def test_clean_text_can_be_written_anywhere():
    assert clean("a\ud800\x00\x1b[1;31mb\r\nc\rd\x7f\t", 100) == "a?b\nc\nd\t"
    assert clean("abc", 2) == "ab"
