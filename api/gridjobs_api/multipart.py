"""Uploads as multipart/form-data: parsed, hashed and spooled piece by piece, never whole in memory."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from gridjobs_api.problems import Fault, RequestProblem, faulty
from gridjobs_api.spool import Spool, Spooled

MAX_TEXT_BYTES = 4096
MAX_NAME = 200
FILES = "files"
MAX_FILES = 100


@dataclass(slots=True)
class Form:
    """What a form held: files in order with their names, and short texts."""

    files: list[tuple[str, Spooled]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


class FormReader:
    """Takes the body of a form in pieces; blocking, for a thread.

    Files are the parts called `files`; of other parts those in `texts` are kept, any more are faults.
    """

    def __init__(self, content_type: str, folder: Path, texts: frozenset[str]) -> None:
        """Raises RequestProblem `malformed_body` when the header names no boundary."""
        _, options = parse_options_header(content_type)
        callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._name,
            "on_header_value": self._value,
            "on_header_end": self._header,
            "on_headers_finished": self._headers,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]
        except (KeyError, FormParserError):
            raise RequestProblem("malformed_body", "the Content-Type names no usable boundary") from None
        self._folder = folder
        self._known_texts = texts
        self._form = Form()
        self._faults: list[Fault] = []
        self._begin()

    def feed(self, data: bytes) -> None:
        """Take a piece; raises RequestProblem `malformed_body`."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise RequestProblem("malformed_body", "the body is not multipart/form-data") from None

    def end(self) -> Form:
        """Return the form.

        Raises:
            RequestProblem: `malformed_body` when the end is missing, `invalid_input` with all faults.
        """
        if self._parser.state != MultipartState.END:
            raise RequestProblem("malformed_body", "the closing boundary of the form is missing")
        if not self._form.files:
            self._faults.append(Fault("/files", "missing", "at least one file is required"))
        if self._faults:
            raise faulty("invalid_input", self._faults)
        return self._form

    def _begin(self) -> None:
        self._header_name, self._header_value = b"", b""
        self._disposition: dict[bytes, bytes] = {}
        self._spool: Spool | None = None
        self._text = b""

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, self._disposition = parse_options_header(self._header_value)
        self._header_name, self._header_value = b"", b""

    def _headers(self) -> None:
        if self._part_name() == FILES:
            if len(self._form.files) >= MAX_FILES:
                raise faulty("invalid_input", [Fault("/files", "wrong_length", f"{MAX_FILES} files at most")])
            self._spool = Spool(self._folder)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._spool is not None:
            self._spool.write(memoryview(data)[start:end])
        elif len(self._text) <= MAX_TEXT_BYTES:
            self._text += data[start:end]

    def _end(self) -> None:
        name = self._part_name()
        if self._spool is not None:
            self._keep_file(self._spool.end())
        elif name in self._known_texts:
            self._keep_text(name)
        else:
            self._faults.append(Fault("/" + name[:MAX_NAME], "unknown_property", "is not part of this form"))
        self._begin()

    def _keep_file(self, file: Spooled) -> None:
        if b"filename" not in self._disposition:
            place = f"/{FILES}/{len(self._form.files)}"
            self._faults.append(Fault(place, "not_a_file", "must be sent as a file, with a filename"))
        self._form.files.append((self._file_name(), file))

    def _keep_text(self, name: str) -> None:
        text = self._text.decode("utf-8", "replace")
        if len(text) > MAX_NAME:
            self._faults.append(Fault(f"/{name}", "wrong_length", f"must have at most {MAX_NAME} characters"))
        self._form.texts[name] = text

    def _part_name(self) -> str:
        return self._disposition.get(b"name", b"").decode("utf-8", "replace")

    def _file_name(self) -> str:
        """Return the last part of the file's name, as the client calls it."""
        given = self._disposition.get(b"filename", b"").decode("utf-8", "replace").replace("\\", "/")
        name = PurePosixPath(given).name[-MAX_NAME:]
        return name if name.strip(".") else f"file-{len(self._form.files) + 1}"
