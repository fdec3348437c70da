"""EPUB → the text that is read aloud: its spine in order, paragraphs parted by an empty line.

Nothing is unpacked to disk, nothing outside the archive is looked at, and what is read of it is bounded.
"""

from __future__ import annotations

import html.entities
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from tasks.rowstore import Failure, Rejected

#: A long novel has some 3 MB of text; what unpacks to more than this, or this much smaller, is no book.
_DOCUMENT_BYTES = 16_000_000
_BOOK_BYTES = 64_000_000
_PACKED = 200
#: Below this size a document may be packed as it likes: an empty chapter is mostly the same few tags.
_SMALL_BYTES = 1_000_000

_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{0,40});")
_XML_ENTITIES = ("amp", "lt", "gt", "quot", "apos")
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*(\[[^\]]*\]\s*)?>", re.IGNORECASE)
_PROLOG_LETTERS = 20_000
_XHTML = ("application/xhtml+xml", "text/html", "application/html+xml")
_BLOCK = re.compile(
    r"address|article|aside|blockquote|body|caption|center|d[dlt]|div|fig(ure|caption)|footer|form|h[1-6]|header|hr"
    r"|html|li|main|[ou]l|p|pre|section|table|tbody|t[dhr]|tfoot|thead"
)
#: Not read aloud: what is not text, and what stands above ruby text.
_SILENT = re.compile(r"audio|canvas|head|iframe|img|math|nav|object|r[pt]|script|style|svg|template|video")
#: Of epub:type and role: what a reader passes over.
_ASIDE = re.compile(r"noteref|(foot|end|rear)notes?|page-?(break|list)|toc|landmarks|lo[it]|index")
#: Project Gutenberg's and common publishers' classes for the same.
_ASIDE_CLASS = re.compile(r"pagenum|pageno|page-number|pagebreak|fnanchor|footnotes?|pg-boilerplate")
_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
#: The text of a link that is a note's mark: 12, [3], *.
_MARK = re.compile(r"[\[(]?(?:\d{1,4}|[*†‡§])[\])]?")


def epub_text(path: Path) -> str | Failure:
    """The text of an EPUB.

    Failures: `bad_book` (no EPUB, damaged, encrypted), `decompression_bomb`, `empty_book`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            paragraphs = list(_paragraphs(_Book(archive)))
    except Rejected as rejected:
        return rejected.failure
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        return Failure("bad_book", f"{path.name} is no readable EPUB: {error}")
    if not paragraphs:
        return Failure("empty_book", f"{path.name} holds no text")
    return "\n\n".join(paragraphs)


class _Book:
    """The members of an archive, as text, within one budget."""

    def __init__(self, archive: zipfile.ZipFile):
        self._archive = archive
        self._left = _BOOK_BYTES
        self.names = frozenset(archive.namelist())

    def text(self, name: str) -> str:
        """A member's text; `Rejected` when it is not there, no text, encrypted, or far too much."""
        if name not in self.names:
            raise Rejected("bad_book", f"the book has no part {name[:200]!r}, which it names")
        info = self._archive.getinfo(name)
        if info.flag_bits & 1:
            raise Rejected("bad_book", "the book is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # of others, zipfile bounds no read
            raise Rejected("bad_book", f"{name[:200]!r} is packed in a way that EPUB does not know")
        limit = min(_DOCUMENT_BYTES, self._left, max(_SMALL_BYTES, _PACKED * info.compress_size))
        with self._archive.open(info) as file:
            raw = file.read(limit + 1)  # the size that the archive states may be a lie
        if len(raw) > limit:
            raise Rejected("decompression_bomb", f"{name[:200]!r} unpacks to more than {limit} bytes")
        self._left -= len(raw)
        try:
            return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._unreadable("bad_text", f"{name[:200]!r} is not UTF-8 text (byte {error.start})") from error

    def tree(self, name: str) -> etree._Element:
        """A member's XML."""
        tree = _parsed(self.text(name))
        if tree is None:
            raise self._unreadable("bad_book", f"{name[:200]!r} is not XML")
        return tree

    def _unreadable(self, reason: str, message: str) -> Rejected:
        """What to say of a part that makes no sense: in a protected book only its directory is plain."""
        is_protected = not self.names.isdisjoint(("META-INF/rights.xml", "META-INF/encryption.xml"))
        return Rejected("bad_book", "the book is encrypted") if is_protected else Rejected(reason, message)


def _parsed(text: str) -> etree._Element | None:
    """XML without its document type; HTML's named letters are put in, for without the type XML knows only five."""
    doctype = _DOCTYPE.search(text, 0, _PROLOG_LETTERS)
    text = _ENTITY.sub(_letter, text[: doctype.start()] + text[doctype.end() :] if doctype else text)
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        return None


def _letter(entity: re.Match) -> str:
    return entity[0] if entity[1] in _XML_ENTITIES else html.entities.html5.get(f"{entity[1]};", "")


def _paragraphs(book: _Book) -> Iterator[str]:
    for name in _spine(book):
        words: list[str] = []
        for piece in _pieces(book.tree(name)):
            if piece is not None:
                words.append(piece)
            elif paragraph := " ".join("".join(words).split()):
                yield paragraph
            words = words if piece is not None else []


def _spine(book: _Book) -> list[str]:
    """The documents in reading order, each once; without tables of contents and what is set aside."""
    container = book.tree("META-INF/container.xml")
    packages = [element.get("full-path") or "" for element in _all(container, "rootfile")]
    if not packages:
        raise Rejected("bad_book", "the book's container names no package")
    package = book.tree(_member("", packages[0]))
    contents = {_member(packages[0], place.get("href") or "") for place in _all(package, "reference", type="toc")}
    items = {item.get("id"): item for item in _all(package, "item")}
    names: dict[str, None] = {}
    for reference in _all(package, "itemref"):
        item = items.get(reference.get("idref"))
        if item is None or reference.get("linear") == "no" or "nav" in (item.get("properties") or "").split():
            continue
        name = _member(packages[0], item.get("href") or "")
        if item.get("media-type") in _XHTML and name not in contents:
            names[name] = None
    return list(names)


def _all(tree: etree._Element, name: str, **attributes: str) -> list[etree._Element]:
    """The elements of that name, in any name space, with these attributes."""
    found = tree.iter(f"{{*}}{name}")
    return [element for element in found if all(element.get(key) == value for key, value in attributes.items())]


def _member(package: str, href: str) -> str:
    """A member's name from a link in the package; one with a fragment stays apart, it names a part of a document."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(href)))


def _pieces(element: Any) -> Iterator[str | None]:
    """What of an element is read aloud; None where a paragraph begins or ends."""
    if not isinstance(element.tag, str) or _is_aside(element):  # comments and instructions have no name
        return
    name = _name(element)
    is_block = bool(_BLOCK.fullmatch(name))
    if is_block:
        yield None
    yield element.text or ("" if name != "br" else " ")
    for child in element:
        yield from _pieces(child)
        yield child.tail or ""
    if is_block:
        yield None


def _is_aside(element: etree._Element) -> bool:
    """Whether a reader passes over it: notes and their marks, page numbers, contents, what is hidden or no text."""
    if _SILENT.fullmatch(_name(element)) or "hidden" in element.attrib:
        return True
    kinds = f"{element.get(_EPUB_TYPE) or element.get('epub:type') or ''} {element.get('role') or ''}".lower().split()
    if any(_ASIDE.fullmatch(kind.removeprefix("doc-")) for kind in kinds):
        return True
    if any(_ASIDE_CLASS.fullmatch(kind) for kind in (element.get("class") or "").lower().split()):
        return True
    is_inner_link = _name(element) == "a" and "#" in (element.get("href") or "")
    return is_inner_link and bool(_MARK.fullmatch("".join(element.itertext()).strip()))


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname.lower()
