"""A hook that sleeps on a test's clock."""

from __future__ import annotations

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.rate_limit import RateLimiter
from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from tests.support import Clock


def hook_on(clock: Clock) -> ImageKitHook:
    """Return a hook whose client sleeps on a clock."""
    hook = ImageKitHook()

    def client_of(settings: ClientSettings) -> ImageKitClient:
        rate_limiters = [RateLimiter(clock=clock, sleep=clock.sleep) for _ in range(2)]
        return ImageKitClient(
            settings, rate_limiter=rate_limiters[0], write_rate_limiter=rate_limiters[1], sleep=clock.sleep
        )

    hook.client_of = client_of
    return hook
