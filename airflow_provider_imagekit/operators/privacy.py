"""The arguments that say what a task may keep of people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_imagekit.io.arguments import choice
from airflow_provider_imagekit.library.table.privacy import GpsPolicy, PersonalPolicy, Privacy

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["parse_privacy"]


def parse_privacy(gps: object, personal: object, client: ImageKitClient) -> Privacy:
    """
    Read the arguments ``gps`` and ``personal``, which ``drop_personal_data`` of the connection overrules.

    :param gps: ``keep``, ``coarse`` or ``drop``.
    :param personal: ``keep`` or ``drop``.
    :param client: the client of the Airflow Connection.
    :raises ImageKitInputError: for another word.
    """
    read = Privacy(
        GpsPolicy(choice(gps, "gps", GpsPolicy)), PersonalPolicy(choice(personal, "personal", PersonalPolicy))
    )
    return Privacy() if client.drop_personal_data else read
