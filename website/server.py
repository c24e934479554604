"""`python -m website.server FOLDER`: show the built site as GitHub Pages would, below its path, with its 404 page."""

from __future__ import annotations

import argparse
import functools
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from website.address import SiteAddress

PORT = 8123


def serve(site: Path, root: str = "/") -> None:
    """Serve until Ctrl-C. root: the path of the site on its host, such as "/NAME/"."""
    with server(site, root) as running:
        print(f"The site: http://127.0.0.1:{running.server_address[1]}{root} (Ctrl-C stops it.)", flush=True)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print()


def server(site: Path, root: str = "/", port: int = PORT) -> ThreadingHTTPServer:
    """A server on this computer only; on a port of the system's choice where `port` is taken."""
    handler = functools.partial(Handler, directory=str(site), root=root)
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        return ThreadingHTTPServer(("127.0.0.1", 0), handler)


class Handler(SimpleHTTPRequestHandler):
    """The files of a folder, below `root`."""

    def __init__(self, *arguments: Any, root: str = "/", **options: Any) -> None:
        self.root = root
        super().__init__(*arguments, **options)

    def translate_path(self, path: str) -> str:
        if not path.startswith(self.root):
            return str(Path(self.directory, "no such file"))
        return super().translate_path("/" + path[len(self.root) :])

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory, "404.html")
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            return super().send_error(code, message, explain)
        content = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing of each request."""


def main() -> None:
    """Serve the folder that was named."""
    parser = argparse.ArgumentParser("python -m website.server", description="Show the built site on this computer.")
    parser.add_argument("folder", type=Path, help="such as build/website/html")
    serve(parser.parse_args().folder, SiteAddress.of(Path(__file__).resolve().parent.parent).root)


if __name__ == "__main__":
    main()
