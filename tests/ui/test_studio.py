"""The studio as people use it, in a real browser: jobs that outlive pages and workers, a swap made, a file scored."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studiokit import LONGEST_SECONDS, Studio, Watched, chromium

from datasets.workspace import Workspace
from ui import jobs

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
WIDTH = 1280
COUNTING = """
import time
from pathlib import Path

def run(payload, report):
    file = Path(payload["file"])
    for done in range(len(file.read_text()) if file.exists() else 0, payload["steps"]):
        with file.open("a") as out:
            out.write("x")
        report("counting", done + 1, payload["steps"])
        time.sleep(0.1)
    return {}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A studio's home of these tests, with a kind of job that counts, which its processes know too."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "kinds").mkdir()
    (folder / "kinds" / "counting.py").write_text(COUNTING)
    extra = f"import ui.jobs.kinds as kinds\nkinds.__path__.append({str(folder / 'kinds')!r})\n"
    (folder / "sitecustomize.py").write_text(extra)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERFACE_HOME", str(folder / "home"))
        patch.setenv("COUNTERFACE_STUDIO_DETECTOR_MINUTES", "0.05")
        patch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
        patch.setattr(jobs.kinds, "__path__", [*jobs.kinds.__path__, str(folder / "kinds")])
        # Home would make the sample at once; these tests have other work for the machine.
        (folder / "home" / "studio").mkdir(parents=True)
        (folder / "home" / "studio" / "sample-queued").touch()
        yield folder


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Studio]:
    held = Studio(folder)
    yield held
    held.end()


@pytest.fixture
def watched(browser: Any, studio: Studio) -> Iterator[Watched]:
    held = Watched(browser, WIDTH, "light", offline=False)
    yield held
    # The server asks a page's own address for its health before the root's: Streamlit's way to find where it is.
    complaints = [text for text in held.complaints if "404" not in text]
    assert complaints == [] and held.leaving(studio.address, studio.address.replace("http", "ws")) == []
    assert held.page.locator("[data-testid=stException]").count() == 0
    held.context.close()


def count(folder: Path, name: str, steps: int) -> str:
    return jobs.submit("counting", {"file": str(folder / name), "steps": steps}, title=f"Count {name}")


@pytest.mark.slow
def test_a_job_outlives_a_reload_its_worker_and_the_studio(watched: Watched, studio: Studio, folder: Path) -> None:
    id, page = count(folder, "long", 110), watched.page
    page.goto(f"{studio.address}/suspect?job={id}")
    watched.sees("running for")
    page.reload()
    watched.sees("running for")
    assert jobs.read(id).state == "running"

    os.kill(studio.children()["worker"], signal.SIGKILL)
    watched.holds(lambda: "The worker ended" in studio.log.read_text())
    watched.holds(lambda: "worker" in studio.children() and jobs.read(id).state == "running")
    done = len((folder / "long").read_text())
    watched.holds(lambda: len((folder / "long").read_text()) > done)

    page.goto("about:blank")
    studio.end()
    assert jobs.read(id).state == "queued", "it waits for the next start"
    studio.start()
    watched.holds(lambda: not jobs.read(id).open, LONGEST_SECONDS)
    assert jobs.read(id).state == "done" and len((folder / "long").read_text()) == 110
    page.goto(f"{studio.address}/suspect?job={id}")
    watched.sees("done in")


@pytest.mark.slow
def test_a_job_is_stopped_and_gone_on_with(watched: Watched, studio: Studio, folder: Path) -> None:
    id, page = count(folder, "halted", 400), watched.page
    page.goto(f"{studio.address}/suspect?job={id}")
    watched.sees("running for")
    watched.press("Stop")
    watched.holds(lambda: jobs.read(id).state == "cancelled")
    watched.sees("stopped")
    (folder / "halted").write_text("x" * 395)
    watched.press("Go on")
    watched.holds(lambda: jobs.read(id).state == "done")


@pytest.mark.slow
def test_no_page_is_wider_than_the_window_and_all_can_be_read(watched: Watched, studio: Studio) -> None:
    page, main = watched.page, "document.querySelector('[data-testid=stMain]')"
    for name in ("", "make", "side-by-side", "suspect"):
        page.goto(f"{studio.address}/{name}")
        page.locator("h1").first.wait_for()
        watched.settled()
        assert page.evaluate(f"{main}.scrollWidth <= {main}.clientWidth"), name
        assert page.evaluate("[...document.images].every(i => i.alt !== null && i.hasAttribute('alt'))"), name


@pytest.mark.slow
def test_an_upload_is_scored(watched: Watched, studio: Studio, made_workspace: Workspace, folder: Path) -> None:
    page = watched.page
    page.goto(f"{studio.address}/suspect")
    page.locator("input[type=file]").set_input_files(
        {"name": "../evil <b>.mp4", "mimeType": "video/mp4", "buffer": b"#EXTM3U\n/etc/passwd\n"}
    )
    watched.press("Score it")
    watched.sees("is not a video")
    page.reload()
    page.locator("input[type=file]").set_input_files(str(made_workspace.result / "result.mp4"))
    watched.press("Score it")
    watched.sees("What limits it", LONGEST_SECONDS)
    assert page.locator(".verdict h2").inner_text().endswith(".")
    page.reload()
    watched.sees("What limits it")
    page.get_by_role("tab", name="Forensic views").click()
    watched.settled()
    with page.expect_download() as told:
        watched.press("The report")
    assert "<html" in Path(told.value.path()).read_text(encoding="utf-8")[:2000]


@pytest.mark.slow
def test_from_the_sample_to_a_result(watched: Watched, studio: Studio, folder: Path) -> None:
    from datasets.provenance.verify import verify
    from datasets.samples import sample_clips

    sample_clips()
    page = watched.page
    page.goto(f"{studio.address}/make")
    page.get_by_text("Try it with the sample").click()
    watched.press("Make the workspace")
    watched.press("Find the faces")
    watched.sees("of 200 faces", LONGEST_SECONDS)
    page.locator(".sheet button").nth(3).click()
    watched.press("Remove 1 face")
    watched.sees("of 199 faces")
    watched.press("Bring back")
    watched.sees("of 200 faces")
    watched.press("On to the method")
    steps = page.get_by_role("spinbutton", name="Or a number of steps")
    steps.fill("12")
    steps.press("Enter")
    watched.settled()
    page.get_by_role("button", name="Train", exact=True).last.click()
    watched.sees("On to the composite", LONGEST_SECONDS)
    watched.holds(lambda: jobs.listing("train")[0].state == "done", LONGEST_SECONDS)
    watched.press("On to the composite")
    page.locator(".compare").wait_for(timeout=1000 * LONGEST_SECONDS)
    watched.press("Make the whole clip")
    watched.sees("It carries", LONGEST_SECONDS)
    with page.expect_download() as told:
        watched.press("The swap (MP4)")
    found = verify(Path(told.value.path()))
    assert found.credentials.state == "trusted" and found.watermark.present and found.badge.found
