"""What stands between an uploaded ZIP and whoever reads it."""

import zipfile
import zlib

# Whatever comes of an archive, or of a deflated part of it, that is not whole.
NOT_WHOLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


def is_ordinary(part: zipfile.ZipInfo) -> bool:
    """Stored or deflated, as every program packs. The other methods raise errors of their own, where Python has them."""
    return part.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
