"""The real server and the real `openai` client, on loopback; where time matters, a voice that waits to be told."""

import base64
import contextlib
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import openai
import pytest
import soundfile
import uvicorn
from made_voice import make_bundle

from flows.serve import named_bundles
from voiceloom_model.runtime import Voice
from voiceloom_model.serve.__main__ import main
from voiceloom_model.serve.app import Settings, create_app
from voiceloom_model.serve.encoders import FORMATS, encoded, ffmpeg_path
from voiceloom_model.serve.voices import Bundle, Voices

ROOT = Path(__file__).parents[2]
TEXT = "Good morning, my friend. How do you do?"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("made") / "voice")


@pytest.fixture(scope="module")
def samples(bundle):
    """What ada says, without a server."""
    return Voice.load(bundle).say(TEXT)


@contextlib.contextmanager
def process(bundle, *options, **variables):
    """The server as a user starts it; yields the process and its base URL."""
    command = [sys.executable, "-m", "voiceloom_model.serve", "--voice", str(bundle), "--port", "0", *options]
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'model_src'}"}
    with subprocess.Popen(command, env=os.environ | paths | variables, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server, server.stdout.readline().split()[0]
        finally:
            server.kill()


@pytest.fixture(scope="module")
def url(bundle):
    with process(bundle) as (_, url):
        yield url


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def speak(client, **changes):
    """The bytes of an answer, as they came."""
    asked = {"model": "tts-1", "voice": "ada", "input": TEXT, "response_format": "wav"} | changes
    with client.audio.speech.with_streaming_response.create(**asked) as answer:
        return b"".join(answer.iter_bytes())


def sixteen_bits(samples):
    return np.rint(samples * 32767).astype("<i2")


def decoded(content, rate_hz):
    """Samples of any format, by ffmpeg."""
    command = [ffmpeg_path(), "-v", "error", "-i", "pipe:0", "-ac", "1", "-ar", str(rate_hz), "-f", "f32le", "pipe:1"]
    return np.frombuffer(subprocess.run(command, input=content, capture_output=True, check=True).stdout, "<f4")


def likeness(one, other):
    """The correlation of two sounds, however late one of them is: 1 for the same."""
    size = len(one) + len(other)
    product = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(other, size).conj(), size)
    return product.max() / np.sqrt(np.sum(one**2) * np.sum(other**2))


class TestTheRealClient:
    def test_wav_is_what_the_voice_says_to_the_bit(self, client, samples):
        wave, rate_hz = soundfile.read(io.BytesIO(speak(client)), dtype="int16")
        assert rate_hz == 16000
        np.testing.assert_array_equal(wave, sixteen_bits(samples))

    def test_pcm_has_the_rate_that_openai_promises(self, client, samples):
        wave = np.frombuffer(speak(client, response_format="pcm"), "<i2")
        assert abs(len(wave) - len(samples) * 24000 / 16000) <= 2

    @pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac"])
    def test_every_other_format_is_the_same_sound(self, client, samples, name):
        wave = decoded(speak(client, response_format=name), 16000)
        assert -0.01 < (len(wave) - len(samples)) / 16000 < 0.2  # codecs pad
        assert likeness(wave, samples) > 0.7

    def test_mp3_is_the_default_and_types_are_named(self, client):
        answer = client.audio.speech.with_raw_response.create(model="tts-1", voice="alloy", input="Hello.")
        assert answer.headers["content-type"] == "audio/mpeg"
        assert soundfile.info(io.BytesIO(answer.content)).format == "MP3"

    def test_events_hold_the_same_bytes(self, client):
        lines = speak(client, stream_format="sse").decode().split("\n\n")
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
        assert [event["type"] for event in events[-2:]] == ["speech.audio.delta", "speech.audio.done"]
        assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == speak(client)
        assert events[-1]["usage"]["input_tokens"] == len(TEXT)

    def test_who_speaks_how_fast_and_with_which_seed_is_heard(self, client, bundle):
        voice = Voice.load(bundle)
        given = {"voice": {"id": "bert"}, "speed": 1.5, "extra_body": {"seed": 4, "language": "en-us"}}
        wave, _ = soundfile.read(io.BytesIO(speak(client, **given)), dtype="int16")
        said = voice.say(TEXT, speaker="bert", language="en-US", speed=1.5, seed=4)
        np.testing.assert_array_equal(wave, sixteen_bits(said))

    def test_many_at_once_hear_what_each_would_alone(self, client, samples):
        whole = speak(client)
        with ThreadPoolExecutor(16) as threads:
            assert set(threads.map(lambda _: speak(client), range(32))) == {whole}

    def test_names_are_listed(self, client, url):
        assert [model.id for model in client.models.list()] == ["voice"]
        assert client.models.retrieve("tts-1").id == "voice"
        rows = httpx.get(f"{url}/audio/voices").json()["voices"]
        assert [(row["id"], row["language"]) for row in rows] == [("ada", "en-US"), ("bert", "en-GB")]

    @pytest.mark.parametrize(
        ("changes", "status", "expected"),
        [
            ({"input": "a" * 4097}, 400, "input has 4097 characters; this server speaks at most 4096 at once"),
            ({"input": " \n"}, 400, "input is empty"),
            ({"input": "?!"}, 400, "nothing to say"),
            ({"input": 5}, 400, "input must be a text, found 5"),
            ({"voice": "nobody"}, 404, "there is no voice 'nobody'; there are: ada, bert"),
            ({"model": "other"}, 404, "there is no model 'other'; there are: voice"),
            ({"response_format": "ogg"}, 400, "response_format must be one of mp3, opus, aac, flac, wav, pcm"),
            ({"speed": 4.5}, 400, "speed must be a number from 0.25 to 4, found 4.5"),
            ({"speed": "fast"}, 400, "speed must be a number"),
            ({"stream_format": "xml"}, 400, "stream_format must be audio or sse"),
            ({"extra_body": {"language": "tlh"}}, 400, "'tlh'; its languages are: en-GB, en-US"),
            ({"extra_body": {"seed": -1}}, 400, "seed must be a whole number from 0"),
        ],
    )
    def test_what_cannot_be_done_is_one_sentence(self, client, changes, status, expected):
        with pytest.raises(openai.APIStatusError) as caught:
            speak(client, **changes)
        error = caught.value.body
        assert caught.value.status_code == status and expected in error["message"]
        assert error["type"] == "invalid_request_error" and len(error["message"]) < 300

    @pytest.mark.parametrize(
        ("content", "status", "expected"),
        [
            (b"{", 400, "no valid JSON"),
            (b"[]", 400, "must be a JSON object"),
            (b"{}", 400, "input is missing"),
            (b'{"input": "\xff"}', 400, "no valid JSON"),
            (b'{"input": "' + b"a" * 1_000_000, 413, "larger than"),
        ],
    )
    def test_a_broken_request_is_one_sentence(self, url, content, status, expected):
        answer = httpx.post(f"{url}/audio/speech", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status and expected in answer.json()["error"]["message"]

    def test_a_form_that_a_web_page_could_send_unasked_is_refused(self, url):
        answer = httpx.post(f"{url}/audio/speech", content=b'{"input": "Hi."}', headers={"Content-Type": "text/plain"})
        assert answer.status_code == 415

    def test_a_page_of_another_site_is_refused_whatever_it_sends(self, url):
        answer = httpx.post(f"{url}/audio/speech", json={"input": "Hi."}, headers={"Origin": "http://elsewhere.test"})
        assert answer.status_code == 403 and "may not ask" in answer.json()["error"]["message"]

    def test_unknown_paths_have_the_same_shape(self, url):
        assert "not found" in httpx.get(f"{url}/nothing").json()["error"]["message"]
        assert httpx.get(f"{url}/audio/speech").status_code == 405
        assert httpx.get(f"{url}/../healthz").json() == {"status": "ok"}
        assert "/v1/audio/speech" in httpx.get(f"{url}/../openapi.json").json()["paths"]


@pytest.fixture(scope="module")
def locked(bundle):
    with process(bundle, VOICELOOM_API_KEY="secret") as (server, url):
        yield server, url


def test_a_key_is_asked_for_where_there_is_one(locked):
    url = locked[1]
    with openai.OpenAI(base_url=url, api_key="secret") as client:
        assert speak(client, input="Hello.")[:4] == b"RIFF"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer é".encode("latin-1")}):
        answer = httpx.get(f"{url}/models", headers=headers)
        assert answer.status_code == 401 and "key" in answer.json()["error"]["message"]
    assert httpx.get(f"{url}/../metrics").status_code == 401
    assert httpx.get(f"{url}/../healthz").status_code == 200


def test_a_server_told_to_stop_finishes_what_it_began(locked):
    """The text is so long that its sound fits no buffer: it cannot all have left before the signal."""
    server, url = locked
    text = "Good morning, my friend. " * 60
    asked = {"model": "voice", "voice": "ada", "input": text, "response_format": "pcm", "speed": 0.25}
    client = openai.OpenAI(base_url=url, api_key="secret")
    with client, client.audio.speech.with_streaming_response.create(**asked) as answer:
        pieces = answer.iter_bytes()
        first = next(pieces)
        server.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert server.poll() is None
        seconds = (len(first) + sum(map(len, pieces))) / 2 / 24000
    assert seconds > 60
    assert server.wait(PATIENCE_S) in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--port", "70000"], "cannot listen"), (["--precision", "int3"], "int3"), (["--voice", "/nowhere"], "nowhere")],
)
def test_a_server_that_cannot_start_says_so_in_a_line(bundle, options, expected, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["serve", "--voice", str(bundle), *options])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.count("\n") == 1 and expected in said


class WaitingVoice:
    """Says a second at once and then one more whenever it is let; remembers who has left."""

    sample_rate_hz = 16000
    speakers = ("eva",)
    description = SimpleNamespace(hop_length=256, speakers={"eva": {"language": "en-US"}})

    def __init__(self):
        self.may_go_on, self.was_left = threading.Semaphore(0), threading.Event()

    def stream(self, text, **manner):
        try:
            for _ in range(3):
                yield np.zeros(16000, np.float32)
                if not self.may_go_on.acquire(timeout=PATIENCE_S):
                    raise RuntimeError("nobody let it go on")
                if text == "fail":
                    raise RuntimeError("out of breath")
        finally:
            self.was_left.set()


@pytest.fixture
def serve():
    """serve(voice, **settings) → base URL of a server in this process."""
    with contextlib.ExitStack() as stack:

        def start(voice, **settings):
            app = create_app(Voices([Bundle("waiting", voice)]), Settings(**settings))
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=5))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()

            def stop():
                server.should_exit = True
                voice.may_go_on.release(100)
                thread.join()

            stack.callback(stop)
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield start


def asking(url, **changes):
    asked = {"input": "Hello.", "response_format": "pcm"} | changes
    return httpx.stream("POST", f"{url}/v1/audio/speech", json=asked, timeout=PATIENCE_S)


def until(condition):
    """Wait for what another thread or process does; fails when it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def metric(url, name):
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"voiceloom_{name}")), None)


@pytest.mark.parametrize("name", FORMATS)
def test_sound_is_sent_before_the_next_is_made(serve, name):
    voice = WaitingVoice()
    with asking(serve(voice), response_format=name) as answer:
        pieces = answer.iter_raw()
        assert next(pieces)  # the voice waits, and would for long
        assert not voice.was_left.is_set()
        voice.may_go_on.release(3)
        assert sum(map(len, pieces)) > 0
    assert voice.was_left.is_set()


def test_who_leaves_is_not_spoken_to_any_more(serve):
    voice = WaitingVoice()
    url = serve(voice)
    with asking(url) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        assert metric(url, "requests_under_way") == 1
    until(lambda: metric(url, 'requests_total{outcome="aborted"}') == 1)
    voice.may_go_on.release(1)  # it was in the middle of a piece
    assert voice.was_left.wait(PATIENCE_S)
    assert metric(url, "requests_under_way") == 0


def test_who_leaves_while_waiting_for_a_turn_takes_none(serve):
    voice = WaitingVoice()
    url = serve(voice, workers=1)
    with asking(url) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/v1/audio/speech", json={"input": "Hello."}, timeout=0.2)
        until(lambda: metric(url, 'requests_total{outcome="499"}') == 1)
        assert metric(url, "requests_under_way") == 1


class EndlessVoice(WaitingVoice):
    """Says minute after minute, until it is left."""

    def stream(self, text, **manner):
        try:
            while True:
                yield np.zeros(60 * 16000, np.float32)
        finally:
            self.was_left.set()


def connected(url, request):
    """A connection over which a request was sent, or the beginning of one."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    connection.sendall(request)
    return connection


def test_who_takes_nothing_is_given_up(serve, monkeypatch):
    monkeypatch.setattr("voiceloom_model.serve.speech.STALL_S", 0.2)
    voice = EndlessVoice()
    url = serve(voice)
    body = b'{"input": "Hello.", "response_format": "wav"}'
    head = b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with connected(url, head % len(body) + body):
        assert voice.was_left.wait(PATIENCE_S)
        until(lambda: metric(url, 'requests_total{outcome="aborted"}') == 1)


def test_who_does_not_finish_asking_is_turned_away(serve, monkeypatch):
    monkeypatch.setattr("voiceloom_model.serve.request.BODY_TIMEOUT_S", 0.2)
    head = b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    with connected(serve(WaitingVoice()), head + b"{") as connection:
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 408 ")


def test_too_many_at_once_are_told_to_come_again(serve):
    voice = WaitingVoice()
    url = serve(voice, max_requests=1)
    with asking(url) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        refused = httpx.post(f"{url}/v1/audio/speech", json={"input": "Hello."})
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        assert "busy" in refused.json()["error"]["message"]
        voice.may_go_on.release(3)
        assert sum(map(len, pieces)) > 2 * 24000
    voice.may_go_on.release(3)
    with asking(url) as answer:
        assert answer.status_code == 200


def test_a_failure_on_the_way_is_no_whole_answer(serve):
    voice = WaitingVoice()
    url = serve(voice)
    voice.may_go_on.release(3)
    with pytest.raises(httpx.RemoteProtocolError), asking(url, input="fail") as answer:
        answer.read()
    events = []
    with pytest.raises(httpx.RemoteProtocolError), asking(url, input="fail", stream_format="sse") as answer:
        for line in filter(None, answer.iter_lines()):
            events.append(json.loads(line.removeprefix("data: ")))
    assert [event["type"] for event in events] == ["speech.audio.delta", "error"]
    assert metric(url, 'requests_total{outcome="failed"}') == 2


def test_a_page_may_ask_only_from_the_origin_that_was_named(serve):
    url = serve(WaitingVoice(), origins=("http://localhost:5173",))
    for origin, status in (("http://localhost:5173", 200), ("http://elsewhere.example", 400)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert httpx.options(f"{url}/v1/audio/speech", headers=asked).status_code == status


@pytest.mark.parametrize("rate_hz", [16000, 22050, 24000, 44100])
@pytest.mark.parametrize("name", FORMATS)
def test_formats_hold_the_whole_tone_at_any_rate(name, rate_hz):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz).astype(np.float32)
    content = b"".join(encoded(np.array_split(tone, 7), name, rate_hz))
    if name == "pcm":
        content = (
            b"RIFF\xff\xff\xff\xffWAVEfmt "
            + struct.pack("<IHHIIHH", 16, 1, 1, 24000, 48000, 2, 16)
            + (b"data\xff\xff\xff\xff" + content)
        )
    wave = decoded(content, 16000)
    assert 0.99 < len(wave) / 16000 < 1.2
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    assert abs(np.argmax(spectrum) * 16000 / len(wave) - 440) < 3
    assert np.abs(wave[4000:12000]).max() == pytest.approx(0.3, rel=0.15)


@pytest.mark.parametrize("name", FORMATS)
def test_an_encoder_left_early_leaves_nothing_behind(name):
    pieces = encoded([np.zeros(16000, np.float32)] * 3, name, 16000)
    next(pieces)
    before = threading.active_count()
    pieces.close()
    until(lambda: threading.active_count() <= before - (name == "aac"))
    assert list(pieces) == []


def bundle_of(*speakers):
    description = SimpleNamespace(speakers={name: {"language": "en-US"} for name in speakers})
    return SimpleNamespace(speakers=list(speakers), description=description)


class TestNames:
    voices = Voices([Bundle("one", bundle_of("eva", "echo")), Bundle("two", bundle_of("max", "eva"))])

    @pytest.mark.parametrize(
        ("model", "voice", "expected"),
        [
            (None, None, ("one", "eva")),
            ("tts-1", "alloy", ("one", "eva")),
            ("tts-1", "echo", ("one", "echo")),
            ("gpt-4o-mini-tts", "max", ("two", "max")),
            ("two", "eva", ("two", "eva")),
            ("two", None, ("two", "max")),
            (None, "two/eva", ("two", "eva")),
            (None, "two", ("two", "max")),
        ],
    )
    def test_are_found(self, model, voice, expected):
        bundle, speaker = self.voices.find(model, voice)
        assert (bundle.name, speaker) == expected

    def test_are_listed_so_that_each_is_found_again(self):
        rows = self.voices.rows()
        assert [row["id"] for row in rows] == ["eva", "echo", "max", "two/eva"]
        for row in rows:
            assert self.voices.find(None, row["id"])[0].name == row["model"]

    def test_of_two_bundles_differ(self):
        with pytest.raises(ValueError, match="NAME=FOLDER"):
            Voices([Bundle("one", bundle_of("eva")), Bundle("one", bundle_of("max"))])


def test_voices_are_named_by_their_folder_their_model_or_the_user(tmp_path, monkeypatch):
    for folder in (tmp_path / "models" / "voice", tmp_path / "ann", tmp_path / "cache"):
        folder.mkdir(parents=True)
        (folder / "voice.json").touch()
    monkeypatch.setattr("tasks.register.registry.bundle_folder", lambda root, name, alias: tmp_path / "cache")
    assert list(named_bundles(tmp_path, [])) == [("voice", tmp_path / "models" / "voice")]
    given = [str(tmp_path / "ann"), f"anna={tmp_path / 'ann'}", "my-model@champion", "best=my-model@champion"]
    assert [name for name, _ in named_bundles(tmp_path, given)] == ["ann", "anna", "my-model", "best"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        list(named_bundles(tmp_path, ["nowhere"]))
