"""A change to files: its steps, the plan of its requests, and the check whether a file already has it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from airflow_provider_imagekit.client.changes import MAX_TAGGED_FILES, add_tags
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.progress import counted, duration_text
from airflow_provider_imagekit.io.tables import json_line

__all__ = ["Change", "Step", "Targets", "UpdatePlan"]

#: Custom metadata by file id, converted to the types of the account's fields.
Targets = Mapping[str, Mapping[str, Any]]


class Step(StrEnum):
    """Kinds of requests in the order in which they are sent: those that can fail for one file are first."""

    DETAILS = "details"
    REMOVE_TAGS = "remove_tags"
    ADD_TAGS = "add_tags"

    @property
    def size(self) -> int:
        """Maximum number of files per request."""
        return 1 if self is Step.DETAILS else MAX_TAGGED_FILES


@dataclass(frozen=True, slots=True)
class Change:
    """
    The change to all files.

    :param add_tags: tags to add.
    :param remove_tags: tags to remove.
    :param published: whether the files are delivered; ``None`` leaves that unchanged.
    """

    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    published: bool | None = None

    def checked(self) -> Self:
        """Return the change; raise :class:`ImageKitInputError` if ImageKit does not accept the tags."""
        for tags in filter(None, (self.add_tags, self.remove_tags)):
            add_tags(["any"], tags)
        return self

    def __post_init__(self) -> None:
        if both := set(self.add_tags) & set(self.remove_tags):
            raise ImageKitInputError(
                f"The tag {min(both)!r} is in add_tags and in remove_tags.", help="Use it in one of them."
            )

    def steps(self, targets: Targets) -> dict[Step, list[str]]:
        """
        Return the files of each step; steps without files are left out.

        :param targets: the files.
        """
        details = [id_ for id_, values in targets.items() if values or self.published is not None]
        steps = {
            Step.DETAILS: details,
            Step.REMOVE_TAGS: list(targets) if self.remove_tags else [],
            Step.ADD_TAGS: list(targets) if self.add_tags else [],
        }
        return {step: ids for step, ids in steps.items() if ids}

    def details(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return the arguments of :meth:`ImageKitClient.update_file` for a file.

        :param values: its custom metadata.
        """
        arguments = {"custom_metadata": dict(values) or None, "published": self.published}
        return {name: value for name, value in arguments.items() if value is not None}

    def is_done(self, step: Step, file: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        """
        Return whether a file already has what a step would change.

        :param step: the step.
        :param file: the file's details, as ImageKit returns them.
        :param values: the custom metadata that it should have.
        """
        tags = set(file.get("tags") or ())
        if step is Step.ADD_TAGS:
            return tags >= set(self.add_tags)
        if step is Step.REMOVE_TAGS:
            return not tags & set(self.remove_tags)
        has = file.get("customMetadata") or {}
        published = self.published in (None, file.get("isPublished"))
        return published and all(has.get(name) == value for name, value in values.items())

    def digest(self, targets: Targets) -> str:
        """Return a digest of the change and its files."""
        content = [self.add_tags, self.remove_tags, self.published, dict(sorted(targets.items()))]
        return hashlib.blake2b(json_line(content), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """
    The plan of a run.

    :param files: files to change.
    :param requests: number of write requests by step.
    :param done_before: steps of single files that an earlier try has done.
    :param writes_per_second: the connection's rate; ``None`` for no limit.
    """

    files: int
    requests: Mapping[Step, int]
    done_before: int
    writes_per_second: float | None

    @classmethod
    def of(
        cls, files: int, left: Mapping[Step, int], done_before: int, writes_per_second: float | None
    ) -> UpdatePlan:
        """Return the plan for the number of files that each step still has to change."""
        requests = {step: math.ceil(count / step.size) for step, count in left.items()}
        return cls(files, requests, done_before, writes_per_second)

    @property
    def seconds(self) -> float | None:
        """Seconds that the requests take at the connection's rate; ``None`` without a rate."""
        return sum(self.requests.values()) / self.writes_per_second if self.writes_per_second else None

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON."""
        return {
            "files": self.files,
            "requests": {str(step): count for step, count in self.requests.items()},
            "done_before": self.done_before,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        requests = ", ".join(f"{count:,} for {step}" for step, count in self.requests.items()) or "none"
        time = "at the account's limit"
        if self.seconds is not None and self.writes_per_second is not None:
            time = f"{duration_text(self.seconds)} at {counted(self.writes_per_second, 'write')} a second"
        return f"Plan: {counted(self.files, 'file')}; write requests: {requests}; {time}."
