"""The operator that holds delivered variants against their master."""

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
    Check that every delivered variant shows its master, in the dimensions and the format asked for.

    For use before a change of origin, CDN or settings, and after it. All variants are checked before the task
    fails; the report is in XCom in either case. A variant that cannot be delivered (400, 404) is a finding; a
    wrong key is an error.

    :param variants: what is delivered: objects with ``url``, and any of ``width``, ``height`` (pixels, one
        more or less passes), ``format`` (``webp``), ``max_bytes``, ``max_distance``. (templated)
    :param file_id: id of the master in the media library. (templated)
    :param url: delivery URL of the master. (templated)
    :param phash: hash of the master. (templated) Exactly one of these three.
    :param max_distance: for variants that have none of their own: bits from 0 to 16 or a level. Resized and
        re-encoded pictures stay within ``near_duplicate`` (8, the default); a crop needs more. (templated)
    :param low_information: hashes of flat pictures, which cannot be checked; zero is always one. (templated)
    :param force: whether to accept a distance above 16, where unrelated pictures match; by default not.
        (templated)
    :param fail_on_problem: whether a variant that is not as asked fails the task, without another try; by
        default yes. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds until one answer has arrived whole, instead of the Connection's
        ``timeout``. (templated)
    :param max_retries: maximum repetitions of a request, instead of the Connection's. (templated)
    :param max_calls: maximum requests of a try of this task, each repetition counted; one more fails the
        task, without another try. By default there is no maximum. (templated)
    :return: ``{"passed": true, "checked": 3, "failed": 0, "variants": [{"url": …, "passed": …, "problems":
        […], "distance": …, "width": …, "height": …, "format": …, "size": …}, …]}``.
    :raises AirflowFailException: for a problem, and from an error that a retry cannot fix.
    :raises ImageKitError: for everything else that goes wrong.
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
        """Read all variants before anything is asked for."""
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
        asked = {"max_distance": self.max_distance} | {
            name: value for name, value in variant.items() if name != "url"
        }
        try:
            return variant["url"], VariantCheck.parse(asked, force=flag(self.force, "force"))
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
