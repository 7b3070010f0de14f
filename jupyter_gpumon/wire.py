"""The one codec: messages to lines of JSON and back, for pipe, socket, file and fixture."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from .errors import WireError
from .experiments import PostRun
from .model import Error, Hello, PostCell, Request, Sample, Subscribe

Message = Hello | Sample | Error | Subscribe | PostCell | PostRun | Request
Stream = Hello | Sample
"""What a source yields and a recording holds."""

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


class _Tag(msgspec.Struct):
    type: str = ""


_tag = msgspec.json.Decoder(_Tag)
_decoders: dict[str, msgspec.json.Decoder[Message]] = {
    str(kind.__struct_config__.tag): msgspec.json.Decoder(kind)
    for kind in (Hello, Sample, Error, Subscribe, PostCell, PostRun, Request)
}


def encode(message: object) -> bytes:
    """The message as JSON, without a line end. Unknown (None) fields are left out."""
    return _encoder.encode(message)


def encode_line(message: object) -> bytes:
    """The message as one line of JSON, with its line end."""
    return _encoder.encode(message) + b"\n"


def decode(text: bytes | str) -> Message | None:
    """The message in ``text``; None where its type is one this version does not know (to be ignored).

    Raises:
        WireError: it is not JSON, has no ``type``, or a field has the wrong type.
    """
    try:
        tag = _tag.decode(text).type
        if not tag:
            raise WireError('A message needs a "type", for example {"type": "subscribe"}.')
        decoder = _decoders.get(tag)
        return decoder.decode(text) if decoder else None
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise WireError(f"Not a message: {e}.") from e


def to_json(value: object) -> bytes:
    """Any of the model's structs as indented JSON, for people."""
    return msgspec.json.format(_encoder.encode(value), indent=2)
