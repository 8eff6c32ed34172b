import pytest


@pytest.fixture(scope="module", autouse=True)
def _quick(users_classes_here):
    """See there."""
