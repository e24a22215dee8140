"""What the documentation shows, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "near-duplicates.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
LIBRARY = """\
{"fileId": "a", "pHash": "f06830ca9f1e3e90", "filePath": "/masters/a.png", "width": 400, "height": 300}
{"fileId": "b", "pHash": "f06830ca9f1e3e97", "filePath": "/shop/b.jpg", "width": 800, "height": 600}
{"fileId": "c", "pHash": "2222222222222222", "filePath": "/shop/c.jpg", "width": 800, "height": 600}
"""
BANNED = "name,pHash\nspam,f06830ca9f1e3e91\n"


def test_the_snippets_run_and_show_what_they_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("library.jsonl").write_text(LIBRARY, encoding="utf-8")
    Path("banned.csv").write_text(BANNED, encoding="utf-8")
    names: dict = {}
    for number, snippet in enumerate(SNIPPETS):
        exec(compile(snippet, f"{PAGE.name}, snippet {number}", "exec"), names)
    assert names["found"].groups[0].keeper.record.id == "a"
    assert names["found"].groups[0].reason == "in a preferred folder"
    assert names["verdict"].decision == "similar"
    assert names["verdict"].best.distance == 1
    assert names["result"].problems == ("The format is jpg instead of webp.",)
    assert "Suggested radius" in capsys.readouterr().out
    assert Path("groups.html").stat().st_size > 5_000
    assert len(Path("groups.jsonl").read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text(encoding="utf-8")))
def test_its_pictures_and_links_are_there(target):
    assert (PAGE.parent / target).is_file()
