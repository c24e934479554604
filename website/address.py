"""Where the site and its repository live: known once the course is linked, `course relink OWNER/NAME`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from course_staff.authoring.source import Address


@dataclass(frozen=True)
class SiteAddress:
    """The site's own address, and the repository's; both empty before the course has one.

    url: ends with a slash. branch: that links to files name.
    """

    url: str
    repository_url: str
    branch: str

    @classmethod
    def of(cls, repository: Path) -> SiteAddress:
        """What `[tool.course]` of pyproject.toml says; GitHub Pages shows OWNER/NAME at OWNER.github.io/NAME/."""
        address = Address.of(repository)
        if not address.badges(""):  # no address yet, or one that is not on GitHub
            return cls("", "", address.branch)
        owner, name = address.repository.split("/")
        return cls(f"https://{owner.lower()}.github.io/{name}/", f"https://github.com/{owner}/{name}", address.branch)

    @property
    def root(self) -> str:
        """The path of the site on its host: "/NAME/", or "/"."""
        return "/" + self.url.split("/", 3)[3] if self.url else "/"

    def file(self, path: str) -> str:
        """The address of a file of the repository; empty before there is one."""
        return f"{self.repository_url}/blob/{self.branch}/{path}" if self.repository_url else ""
