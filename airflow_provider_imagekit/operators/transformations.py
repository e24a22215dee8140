"""Operator that compares delivered variants with their master."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import flag, named
from airflow_provider_imagekit.client.endpoints import mask_signature
from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.exceptions import (
    ImageKitBadRequestError,
    ImageKitInputError,
    ImageKitNotFoundError,
)
from airflow_provider_imagekit.gates.references import ImageRef, parse_low_information
from airflow_provider_imagekit.gates.variants import VariantCheck
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    PICTURE_LINKS,
    ImageKitOperator,
    fail_without_retry,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context
    from airflow_provider_imagekit.phash import PHash

__all__ = ["TransformationCheckOperator"]


class TransformationCheckOperator(ImageKitOperator):
    """
    Check that each delivered variant shows its master, in the requested dimensions and format.

    Use it before and after a change of origin, CDN or settings. The operator checks all variants before the
    task fails, and the report is in XCom in both cases. A variant that cannot be delivered (400, 404) is a
    finding; a wrong key is an error.

    :param variants: delivered variants: objects with ``url``, and optionally ``width``, ``height`` (in
        pixels, with a tolerance of one), ``format`` (``webp``), ``max_bytes``, ``max_distance``. (templated)
    :param file_id: id of the master in the media library. (templated)
    :param url: delivery URL of the master. (templated)
    :param phash: hash of the master. (templated) Exactly one of these three is required.
    :param max_distance: maximum distance of variants that do not set their own, 0 to 16 bits, or a level.
        Resized and re-encoded pictures stay within ``near_duplicate`` (8, the default); a crop needs more.
        (templated)
    :param low_information: hashes of flat pictures, which are undecidable; the zero hash is always one of
        them. (templated)
    :param force: whether to accept a ``max_distance`` above 16, where unrelated pictures match; by default
        false. (templated)
    :param fail_on_problem: whether a variant with a problem fails the task, without another try; by default
        true. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``{"passed": true, "checked": 3, "failed": 0, "variants": [{"url": …, "passed": …, "problems":
        […], "distance": …, "width": …, "height": …, "format": …, "size": …}, …]}``.
    :raises AirflowFailException: for a variant with a problem, and for an error that a retry cannot fix.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        "variants",
        "file_id",
        "url",
        "phash",
        "max_distance",
        "low_information",
        "force",
        "fail_on_problem",
        *CONNECTION_ARGUMENTS,
    )
    label_arguments = ("file_id", "url", "phash")
    operator_extra_links = PICTURE_LINKS
    template_fields_renderers = {"variants": "json"}  # noqa: RUF012 - Airflow's own declaration

    def __init__(
        self,
        *,
        variants: Sequence[Mapping[str, Any]],
        file_id: str | None = None,
        url: str | None = None,
        phash: str | None = None,
        max_distance: int | str = "near_duplicate",
        low_information: Sequence[str] | str = (),
        force: bool | str = False,
        fail_on_problem: bool | str = True,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.variants = variants
        self.file_id = file_id
        self.url = url
        self.phash = phash
        self.max_distance = max_distance
        self.low_information = low_information
        self.force = force
        self.fail_on_problem = fail_on_problem
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check all variants; see the class."""
        self._label(context)
        with fail_without_retry():
            fail_on_problem = flag(self.fail_on_problem, "fail_on_problem")
            with named("variants"):
                checks = self._checks()
            flat = parse_low_information(self.low_information)
            image = ImageRef.parse(file_id=self.file_id, url=self.url, phash=self.phash)
            self._persist_picture_links(context)
            master = image.resolve(self.hook.get_phash)
            found = [self._checked(url, check, master, flat) for url, check in checks]
        wrong = [variant for variant in found if not variant["passed"]]
        report = {"passed": not wrong, "checked": len(found), "failed": len(wrong), "variants": found}
        if wrong and fail_on_problem:
            self._push(context, report)
            lines = (f"{variant['url']}: {' '.join(variant['problems'])}" for variant in wrong)
            raise AirflowFailException(
                f"{len(wrong)} of {counted(len(found), 'variant')} failed the check:\n" + "\n".join(lines)
            )
        self._add_picture_event_extra(
            context, {name: report[name] for name in ("passed", "checked", "failed")}
        )
        return report

    def _checks(self) -> list[tuple[str, VariantCheck]]:
        """Parse all variants before the first request."""
        variants: Any = self.variants  # rendered: any type may arrive
        if not isinstance(variants, Sequence) or isinstance(variants, str) or not variants:
            raise ImageKitInputError(
                f"variants is {variants!r:.100}.",
                help='Pass a list of objects such as {"url": …, "width": 320}.',
            )
        return [self._check(number, variant) for number, variant in enumerate(variants, start=1)]

    def _check(self, number: int, variant: object) -> tuple[str, VariantCheck]:
        if not isinstance(variant, Mapping) or not isinstance(variant.get("url"), str):
            raise ImageKitInputError(
                f"Variant {number} is {variant!r:.100}.",
                help='Pass an object such as {"url": …, "width": 320}.',
            )
        requested = {"max_distance": self.max_distance} | {
            name: value for name, value in variant.items() if name != "url"
        }
        try:
            return variant["url"], VariantCheck.parse(requested, force=flag(self.force, "force"))
        except ImageKitInputError as error:
            raise ImageKitInputError(f"Variant {number}: {error.message}", help=error.help) from None

    def _checked(
        self, url: str, check: VariantCheck, master: PHash | None, flat: frozenset[PHash]
    ) -> dict[str, Any]:
        shown = mask_signature(url)
        try:
            metadata = self.hook.get_remote_url_metadata(url)
        except (ImageKitBadRequestError, ImageKitNotFoundError) as error:
            self.log.error("%s: %s", shown, error)
            return {"url": shown, "passed": False, "problems": [str(error)]}
        verdict = check.check(master, metadata, low_information=flat)
        self.log.info("%s: %s", shown, " ".join(verdict.problems) or verdict.verdict.reason)
        delivered = {name: metadata.get(name) for name in ("width", "height", "format", "size")}
        return {"url": shown, **verdict.as_xcom(), **delivered}
