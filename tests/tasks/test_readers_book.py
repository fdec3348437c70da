import tracemalloc
import zipfile
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest.readers import book, plaintext
from tasks.ingest.readers.epub import epub_text
from tasks.rowstore import Failure

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>"""

PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A Title that is not read</dc:title></metadata>
  <manifest>
    <item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
    <item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>
    <item id="toc" href="contents.xhtml" media-type="application/xhtml+xml"/>
    <item id="two" href="Text/chapter%202.xhtml" media-type="application/xhtml+xml"/>
    <item id="one" href="Text/chapter1.xhtml" media-type="application/xhtml+xml"/>
    <item id="map" href="map.svg" media-type="image/svg+xml"/>
    <item id="notes" href="notes.xhtml" media-type="application/xhtml+xml"/>
  </manifest>
  <spine toc="ncx">
    <itemref idref="nav"/><itemref idref="toc"/><itemref idref="map"/>
    <itemref idref="one"/><itemref idref="two"/><itemref idref="one"/>
    <itemref idref="notes" linear="no"/><itemref idref="unknown"/>
  </spine>
  <guide><reference type="toc" href="contents.xhtml"/><reference type="text" href="Text/chapter1.xhtml#start"/></guide>
</package>"""

ONE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title>no</title>
<style>p { margin: 0 }</style></head><body>
<section class="pg-boilerplate" id="pg-header"><p>The Project Gutenberg eBook</p></section>
<nav epub:type="toc"><ol><li>Chapter 1</li></ol></nav>
<h1 id="start">Chapter&nbsp;1<br/>Loomings</h1>
<p>Call me <i>Ish</i>mael.<a epub:type="noteref" href="#n1">1</a> Some<span epub:type="pagebreak" title="2"/> years
ago<sup><a href="notes.xhtml#n2">[2]</a></sup>&mdash;never mind <!-- how --> long.<span class="pagenum">3</span></p>
<p>A caf&eacute; &amp; <ruby>\u6f22<rp>(</rp><rt>kan</rt><rp>)</rp></ruby> x<sup>2</sup>,
see <a href="#c">chapter two</a>.</p>
<aside epub:type="footnote" id="n1"><p>A note.</p></aside>
<div role="doc-endnotes"><p>An end note.</p></div>
<blockquote>Quoted<div>twice</div>over.</blockquote><img src="a.png" alt="a whale"/>
<p hidden="hidden">secret</p><script>var x = "&lt;p&gt;";</script>
</body></html>"""
ONE_SAID = [
    "Chapter 1 Loomings",
    "Call me Ishmael. Some years ago—never mind long.",
    "A café & 漢 x2, see chapter two.",
]
ONE_SAID += ["Quoted", "twice", "over."]

TWO = "<html><body><p>Second <b>chapter</p><p>not well formed"


def write_epub(path, **parts):
    """An EPUB 3 with an EPUB 2 guide; `parts` replace members (by their bare name) or, with None, leave them out."""
    members = {
        "META-INF/container.xml": CONTAINER,
        "OEBPS/content.opf": PACKAGE,
        "OEBPS/nav.xhtml": "<html><body><nav><ol><li>Chapter 1</li></ol></nav></body></html>",
        "OEBPS/contents.xhtml": "<html><body><p>Contents</p></body></html>",
        "OEBPS/Text/chapter1.xhtml": ONE,
        "OEBPS/Text/chapter 2.xhtml": TWO,
        "OEBPS/notes.xhtml": "<html><body><p>Notes</p></body></html>",
        "OEBPS/map.svg": "<svg/>",
    }
    members |= {name: parts.pop(key) for key in list(parts) for name in members if key in name.replace(" ", "")}
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return path


@pytest.fixture
def corpus(tmp_path):
    """corpus(files) writes texts below one folder; recordings need no more than a byte here."""

    def write(files, epubs=()):
        folder = tmp_path / "corpus"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        for name in epubs:
            write_epub(folder / name)
        return folder

    return write


def by_id(folder):
    return {source.id: source for source in book.read(folder, "en-US")}


def test_an_epub_is_read_in_the_order_of_its_spine_as_a_reader_would(tmp_path):
    text = epub_text(write_epub(tmp_path / "a.epub"))
    assert isinstance(text, str)
    assert text.split("\n\n") == [*ONE_SAID, "Second chapter", "not well formed"]


def test_utf16_chapters_are_read(tmp_path):
    text = epub_text(write_epub(tmp_path / "a.epub", chapter1=ONE.replace("utf-8", "utf-16").encode("utf-16")))
    assert isinstance(text, str) and text.startswith("Chapter 1 Loomings")


ENTITIES = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
LAUGHS = f'<!DOCTYPE html [<!ENTITY l0 "ha">{ENTITIES}]><html><body><p>It said &l9;.</p></body></html>'
PASSWD = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><body><p>It said &x;.</p></body></html>'


@pytest.mark.parametrize("chapter", [LAUGHS, PASSWD, PASSWD.replace("[<!", f"[<!-- {'x' * 30_000} --><!")])
def test_entities_are_neither_expanded_nor_fetched(tmp_path, chapter):
    text = epub_text(write_epub(tmp_path / "a.epub", chapter1=chapter))
    assert isinstance(text, str) and text.split("\n\n")[0].startswith("It said")
    assert len(text) < 200 and "root:" not in text


def damaged(path, change):
    path.write_bytes(change(path.read_bytes()))
    return path


def locked(raw):
    """The same archive with every member marked as encrypted."""
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        parts = raw.split(magic)
        flagged = [part[: offset - 4] + bytes([part[offset - 4] | 1]) + part[offset - 3 :] for part in parts[1:]]
        raw = magic.join([parts[0], *flagged])
    return raw


@pytest.mark.parametrize(
    ("parts", "change", "reason", "words"),
    [
        ({}, lambda raw: b"", "bad_book", "no readable EPUB"),
        ({}, lambda raw: b"%PDF-1.7 " + bytes(range(256)) * 20, "bad_book", "no readable EPUB"),
        ({}, lambda raw: raw[: len(raw) // 2], "bad_book", "no readable EPUB"),
        ({}, lambda raw: raw[:200] + bytes(len(raw) // 2) + raw[200 + len(raw) // 2 :], "bad_book", "EPUB"),
        ({}, locked, "bad_book", "encrypted"),
        ({"container": None}, None, "bad_book", "no part 'META-INF/container.xml'"),
        ({"container": "<container/>"}, None, "bad_book", "names no package"),
        ({"content.opf": None}, None, "bad_book", "no part 'OEBPS/content.opf'"),
        ({"content.opf": b"\x00\x01"}, None, "bad_book", "is not XML"),
        ({"chapter2": None}, None, "bad_book", "no part 'OEBPS/Text/chapter 2.xhtml'"),
        ({"content.opf": PACKAGE.replace("Text/chapter1", "../../../etc/passwd")}, None, "bad_book", "etc/passwd"),
        ({"chapter1": "<p>Grüße</p>".encode("latin-1")}, None, "bad_text", "not UTF-8"),
        ({"chapter1": "<p>ha</p>" * 1_000_000}, None, "decompression_bomb", "unpacks to more than"),
        ({"chapter1": "<html/>", "chapter2": "<html/>"}, None, "empty_book", "holds no text"),
    ],
)
def test_a_hostile_epub_is_one_sentence(tmp_path, parts, change, reason, words):
    path = write_epub(tmp_path / "a.epub", **parts)
    failure = epub_text(damaged(path, change) if change else path)
    assert isinstance(failure, Failure) and failure.reason == reason
    assert words in failure.message and "\n" not in failure.message


@pytest.mark.parametrize("stated", [60_000_000, 900_000])
def test_a_decompression_bomb_takes_bounded_memory_whatever_it_states(tmp_path, stated):
    path = write_epub(tmp_path / "a.epub", chapter1=bytes(60_000_000))
    truth = (60_000_000).to_bytes(4, "little")
    damaged(path, lambda raw: raw.replace(truth, stated.to_bytes(4, "little")))
    tracemalloc.start()
    failure = epub_text(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(failure, Failure)
    assert failure.reason == ("decompression_bomb" if stated == 60_000_000 else "bad_book")
    assert peak < 40e6


def test_a_protected_epub_is_called_so(tmp_path):
    path = write_epub(tmp_path / "a.epub", chapter1=bytes(range(256)) * 9)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("META-INF/encryption.xml", "<encryption/>")
    failure = epub_text(path)
    assert isinstance(failure, Failure) and failure.message == "the book is encrypted"


def test_elements_nested_beyond_all_reason_are_read_as_far_as_they_go(tmp_path):
    text = epub_text(write_epub(tmp_path / "a.epub", chapter1="<div>" * 100_000 + "deep"))
    assert isinstance(text, str | Failure)


@given(st.binary(max_size=400), st.integers(0, 3000))
def test_an_epub_with_any_bytes_overwritten_never_stops_the_reading(tmp_path_factory, noise, place):
    path = write_epub(tmp_path_factory.mktemp("epub") / "a.epub")
    with path.open("r+b") as file:
        file.seek(place)
        file.write(noise)
    assert isinstance(epub_text(path), str | Failure)


GUTENBERG = """\ufeffThe Project Gutenberg eBook of A Book

This ebook is for the use of anyone anywhere.

Title: A Book

*** START OF THE PROJECT GUTENBERG EBOOK A
BOOK ***

Produced by Somebody and the Online Distributed Proofreading Team

[Illustration: a whale]

CHAPTER I.


Call me _Ishmael_. Some years ago--never mind how long
precisely--having little or no money in my well-
known purse,[1] I thought I would
sail about a little.

It is a way I have.

* * * * *

The _end_ of snake_case_names.

*** END OF THE PROJECT GUTENBERG EBOOK A BOOK ***

Updated editions will replace the previous one.
"""


def test_gutenbergs_frame_and_hard_wraps_are_taken_off(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes(GUTENBERG.replace("\n", "\r\n").encode())
    text = plaintext.plain_text(path)
    assert isinstance(text, str)
    assert text.split("\n\n") == [
        "CHAPTER I.",
        "Call me Ishmael. Some years ago--never mind how long precisely--having little or no money in my well-known "
        "purse, I thought I would sail about a little.",
        "It is a way I have.",
        "The end of snake_case_names.",
    ]


def test_a_text_with_a_line_a_paragraph_keeps_them(tmp_path):
    lines = [f"Paragraph {number} goes on. " + "and on " * 40 for number in range(5)]
    (tmp_path / "book.txt").write_text("\n".join([*lines, "", "End."]))
    text = plaintext.plain_text(tmp_path / "book.txt")
    assert isinstance(text, str) and len(text.split("\n\n")) == 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty_book"), (b" \n***\n", "empty_book"), ("Grüße".encode("latin-1"), "bad_text"), (b"a\0b", "bad_text")],
)
def test_a_hostile_text_is_one_sentence(corpus, content, reason):
    source = by_id(corpus({"book.txt": content, "a.mp3": "x"}))["a"]
    assert (source.problem.reason, source.text) == (reason, None)
    assert "\n" not in source.problem.message


def test_a_text_without_end_is_not_held(corpus):
    folder = corpus({"book.txt": b"word " * 1_000_000, "a.mp3": "x"})
    with patch.object(plaintext, "whole_text", lambda path: Failure("text_too_long", "too long")):
        assert by_id(folder)["a"].problem.reason == "text_too_long"


PROSE = "It was a dark and stormy night; the rain fell in torrents.\n" * 50


@pytest.mark.parametrize(
    ("files", "epubs", "expected"),
    [
        ({"a.mp3": "x"}, ["a.epub"], True),
        ({"a.mp3": "x", "notes.txt": PROSE}, ["deep/other.epub"], True),
        ({}, ["a.epub"], False),
        ({"01.mp3": "x", "book.txt": "Short."}, [], True),
        ({"01.mp3": "x", "02.mp3": "x", "novel.txt": PROSE}, [], True),
        ({"01.mp3": "x", "02.mp3": "x", "novel.txt": PROSE, "README.txt": PROSE, "licence.txt": "x"}, [], True),
        ({"01.mp3": "x", "02.mp3": "x", "README.txt": PROSE}, [], False),
        ({"01.mp3": "x", "02.mp3": "x", "novel.txt": "Short."}, [], False),
        ({"01.mp3": "x", "02.mp3": "x", "01.txt": PROSE}, [], False),
        ({"01.mp3": "x", "01.txt": PROSE}, [], False),
        ({"01.mp3": "x", "02.mp3": "x", "texts.txt": "01|one\n02|two\n" * 300}, [], False),
        ({"01.mp3": "x", "02.mp3": "x", "texts.txt": "01 one\n02 two\n" * 300}, [], False),
        ({"01.mp3": "x", "02.mp3": "x", "prompts.txt": "01.mp3 one\n02.mp3 two\n" * 300}, [], False),
    ],
)
def test_what_counts_as_a_book(corpus, files, epubs, expected):
    assert book.matches(corpus(files, epubs)) is expected


def test_each_recording_gets_its_own_book_or_the_nearest(corpus):
    files = {"moby/01.mp3": "x", "moby/02.mp3": "x", "emma/cd1/01.mp3": "x", "emma/readme.txt": "x", "own.mp4": "x"}
    files |= {"own.txt": "My own text.", "moby/moby.txt": PROSE, "lost/a.mp3": "x"}
    folder = corpus(files, ["emma/emma.epub"])
    sources = by_id(folder)
    assert sources["moby/01"].text == sources["moby/02"].text == "\n\n".join(PROSE.splitlines())
    assert sources["emma/cd1/01"].text.startswith("Chapter 1 Loomings")
    assert sources["own"].text == "My own text."
    assert sources["lost/a"].problem.reason == "no_transcript"
    assert {source.text_kind for source in sources.values()} == {"book"}


def test_several_books_and_none(corpus):
    folder = corpus({"01.mp3": "x", "a.txt": PROSE, "b.txt": PROSE})
    problem = by_id(folder)["01"].problem
    assert problem.reason == "no_transcript" and "a.txt, b.txt" in problem.message
    for path in folder.glob("*.txt"):
        path.unlink()
    with pytest.raises(ValueError, match="holds no book"):
        by_id(folder)


def test_a_book_that_leads_out_of_the_corpus_is_not_read(corpus):
    folder = corpus({"a.mp3": "x", "b.mp3": "x", "b.txt": "Text."})
    secret = folder.parent / "secret.txt"
    secret.write_text("a secret")
    (folder / "book.txt").symlink_to(secret)
    assert "secret" not in (by_id(folder)["a"].text or "")


def test_a_text_wrapped_without_empty_lines_is_joined(tmp_path):
    (tmp_path / "book.txt").write_text("It was a dark and\nstormy night; the\nrain fell in torrents\nall night.\n")
    assert plaintext.plain_text(tmp_path / "book.txt") == (
        "It was a dark and stormy night; the rain fell in torrents all night."
    )
