"""The bank as pairs of files: words and answers fit together, keys stay, another language falls back."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from ddpm_core.teach.bank import LESSONS, Bank, bank, find, lesson, number_shown, pairs
from ddpm_core.teach.bank.keys import KEYS, former
from ddpm_core.teach.bank.words import PLACE
from ddpm_core.teach.judge import Choice, Number, Outcome, Prose
from ddpm_core.teach.progress.file import parse_entries
from ddpm_core.teach.text.markup import plain


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the words that a test may change; the bank reads it."""
    for path in pairs.FOLDER.glob("*.toml"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(pairs, "FOLDER", tmp_path)
    lesson.cache_clear()
    yield tmp_path
    lesson.cache_clear()


def rewritten(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def shape(part):
    """The words without their texts: names, and the placeholders of each text."""
    if isinstance(part, dict):
        return {name: shape(each) for name, each in part.items()}
    if isinstance(part, list):
        return [shape(each) for each in part]
    return sorted(place[0] for place in PLACE.findall(part)), part.count("$"), part.count("`")


# --- a pair ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", LESSONS)
def test_a_pair_fits_together(number):
    found = lesson(number)
    clicked = {name for name, e in found.items() if isinstance(e, Choice | Prose)}
    assert set(found.words) - clicked == set(found.answers)
    for name, e in found.items():
        told = found.words[name]
        assert [m.name for m in e.mistakes] == list(told.get("replies", told.get("mistakes")))
        assert (e.key, e.id) == (f"{number}.{name}", f"{number}.{list(found).index(name) + 1}")
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[sum-of-noises]", "[sum-of-noise]", "sum-of-noise, sum-of-noises are in one file of the pair only"),
        ("mistakes.variance =", "mistakes.varianz =", "the mistakes variance, varianz are in one file"),
    ],
)
def test_a_pair_that_does_not_fit_is_told(folder, old, new, told):
    rewritten(folder / "00.toml", old, new)
    with pytest.raises(ValueError, match=told):
        list(pairs.Lesson("00").values())


def test_an_unknown_placeholder_is_an_error_and_no_missing_exercise(folder):
    rewritten(folder / "00.toml", "⟨example:.4f⟩", "⟨exampel:.4f⟩")
    assert "00.sum-of-noises" in Bank()
    with pytest.raises(KeyError, match="exampel"):
        Bank()["00.sum-of-noises"]


def test_latex_stands_in_the_words_as_it_is():
    """Texts are literal strings of TOML: no backslash is doubled, no line holds a basic string."""
    for path in pairs.FOLDER.glob("*.toml"):
        text = path.read_text("utf-8")
        assert "\\\\" not in text, path.name
        assert not re.findall(r'^[^#\n]*= "', text, re.M), path.name


# --- keys -----------------------------------------------------------------------------------------------


def test_every_former_id_has_its_exercise():
    assert len(KEYS) == 121
    assert set(KEYS.values()) <= {*bank}
    known = {"00.1": "00.sum-of-noises", "02.4": "02.q-sample", "04.11": "04.training-step"}
    assert known | {"07.14": "07.real-looking-scan"} == {id: former(id) for id in [*known, "07.14"]}
    assert former("02.shrink-factor") == "02.shrink-factor"
    assert former("99.1") == "99.1"


def test_an_exercise_is_found_by_number_and_by_key():
    assert bank["02.1"] is bank["02.shrink-factor"] is find("02.shrink-factor")
    assert bank["02.1"].id == "02.1"
    assert len(bank) == len(list(bank)) == len(set(bank))
    for stranger in ("02.01", "02.0", "02.99", "02.", "02", "", "99.1", "02.shrink", None, 2.1, ("02", "1")):
        assert stranger not in bank
    with pytest.raises(ValueError, match=r"02\.shrink-factor"):
        find("02.shrink-faktor")


def test_what_is_told_to_a_student_names_the_number_on_the_page():
    assert number_shown("00.sum-of-noises") == number_shown("00.1") == bank["00.sum-of-noises"].id == "00.2"
    assert {key: number_shown(key) for key in bank} == {key: each.id for key, each in bank.items()}
    assert number_shown("00.gone") == "00.gone"


def test_the_number_follows_the_place_and_the_key_stays(folder):
    path = folder / "00.toml"
    head, first, second, third, *rest = re.split(r"(?m)^(?=\[(?!hopes\.))", path.read_text("utf-8"))
    path.write_text("".join([head, first, third, second, *rest]), "utf-8")
    moved = Bank()
    assert [e.id for e in moved.values()][:3] == ["00.1", "00.2", "00.3"]
    assert moved["00.abar-from-beta"].id == "00.2"
    assert moved["00.3"].key == "00.abar-from-beta", "an id of former times keeps its exercise"


def test_a_new_exercise_has_a_number_that_was_no_id_before(folder):
    path = folder / "00.toml"
    clean = re.search(r"(?ms)^\[clean-picture\].*?(?=^\[)", path.read_text("utf-8"))[0]
    path.write_text(path.read_text("utf-8") + "\n" + clean.replace("clean-picture", "new-one"), "utf-8")
    assert Bank()["00.6"].key == "00.new-one"


def test_a_file_with_former_ids_is_read_by_keys():
    def entry(outcome, attempts):
        passed = "2026-01-01T00:00:00+00:00" if outcome == "PASSED" else None
        return {"outcome": outcome, "attempts": attempts, "passed": passed, "data": attempts}

    def read(**exercises):
        entries, broken = parse_entries(json.dumps({"schema": 1, "exercises": exercises}).encode())
        assert not broken
        return {name: tuple(each)[:4] for name, each in entries.items()}

    assert set(read(**{"02.1": entry("PASSED", 1), "99.1": entry("NOT_YET", 2)})) == {
        "02.shrink-factor",
        "99.1",
    }
    old, new = entry("PASSED", 3), entry("NOT_YET", 1)
    for exercises in ({"02.1": old, "02.shrink-factor": new}, {"02.shrink-factor": new, "02.1": old}):
        assert read(**exercises) == {"02.shrink-factor": tuple(old.values())}, "a pass is never lost"
    for exercises in ({"02.1": new, "02.shrink-factor": old}, {"02.shrink-factor": old, "02.1": new}):
        assert read(**exercises) == {"02.shrink-factor": tuple(old.values())}
    later = entry("NOT_YET", 5)
    for exercises in ({"02.1": new, "02.shrink-factor": later}, {"02.shrink-factor": later, "02.1": new}):
        assert read(**exercises) == {"02.shrink-factor": tuple(later.values())}


# --- another language -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(pairs.FOLDER.glob("[0-9][0-9].*.toml")), ids=lambda p: p.stem)
def test_a_translation_has_only_what_the_english_has(path):
    number, _ = path.stem.split(".")
    told = shape(pairs.tomllib.loads(path.read_text("utf-8")))
    english = shape(pairs.wording(number))

    def within(part, whole):
        if isinstance(part, dict):
            return all(name in whole and within(each, whole[name]) for name, each in part.items())
        return part == whole or isinstance(whole, list)

    assert within(told, english)
    for name, texts in told.items():
        for field in ("rubric", "hints"):
            assert len(texts.get(field, english[name].get(field, []))) == len(english[name].get(field, []))


def test_lesson_00_is_judged_in_german():
    german = pairs.Lesson("00", "de")
    assert german["sum-of-noises"].title == "Eine Zahl"
    for name, e in german.items():
        assert e.prompt != bank[f"00.{name}"].prompt
        for answer in e.references:
            assert e.judge(answer).outcome is Outcome.PASSED, answer
        for mistake in e.mistakes:
            verdict = e.judge(mistake.example)
            assert verdict.outcome is Outcome.NOT_YET
            assert mistake.message in verdict.message
    assert german["sum-of-noises"].judge(7).message == german["sum-of-noises"].mistakes[0].message
    assert german["clean-picture"].judge("Das saubere Bild.").outcome is Outcome.PASSED


def test_what_a_translation_lacks_is_english(folder):
    path = folder / "00.de.toml"
    path.write_text("[sum-of-noises]\ntitle = 'Eine Zahl'\nmore = 'x'\n[nowhere]\ntitle = 'x'\n", "utf-8")
    e = pairs.Lesson("00", "de")["sum-of-noises"]
    assert (e.title, e.prompt) == ("Eine Zahl", pairs.Lesson("00", "")["sum-of-noises"].prompt)
    for language in ("", "fr", "../de", "DE"):
        assert pairs.Lesson("00", language)["sum-of-noises"].title == "A number"


def test_the_language_is_a_setting(monkeypatch):
    monkeypatch.setenv("DDPM_LANGUAGE", "de")
    assert pairs.Lesson("00")["hopes"].title == "Ein paar Sätze"
    assert pairs.Lesson("01")["family-name"].title == "The name of the family"
    monkeypatch.delenv("DDPM_LANGUAGE")
    assert pairs.Lesson("00")["hopes"].title == "A few sentences"


def test_each_student_has_an_order_of_options_and_a_record_means_the_same_in_all(monkeypatch):
    def seen(student):
        monkeypatch.setenv("DDPM_STUDENT", student)
        return [e for number in LESSONS for e in pairs.Lesson(number).values() if isinstance(e, Choice)]

    author, anna, ben = seen(""), seen("anna"), seen("ben")
    orders = [[tuple(e.options.values()) for e in class_] for class_ in (author, anna, ben, seen("anna"))]
    assert orders[1] == orders[3]
    assert all(sum(a != b for a, b in zip(orders[0], o, strict=True)) > 20 for o in orders[1:3])
    for e, same in zip(anna, ben, strict=True):
        assert sorted(map(len, e.options.values())) == sorted(map(len, same.options.values())), e.key
        assert same.recheck(e.record(e.answer)).outcome is Outcome.PASSED
        assert f"**{e.answer}**" in e.worked
        assert not re.search("⟨|⟩", f"{e.prompt} {e.options} {e.why} {e.worked} {e.right} {e.hints}")


# --- texts ----------------------------------------------------------------------------------------------

CHOICES = [e for e in bank.values() if isinstance(e, Choice)]


def test_the_right_option_is_not_known_by_its_length():
    longest = [e for e in CHOICES if max(e.options, key=lambda k: len(plain(e.options[k]))) == e.answer]
    shortest = [e for e in CHOICES if min(e.options, key=lambda k: len(plain(e.options[k]))) == e.answer]
    assert len(longest) <= len(CHOICES) / 4
    assert len(shortest) <= len(CHOICES) / 4


DIGITS = {"Two": 2, "Three": 3, "Four": 4, "Five": 5}


@pytest.mark.parametrize("e", [e for e in bank.values() if isinstance(e, Number)], ids=lambda e: e.key)
def test_a_prompt_asks_for_as_many_digits_as_are_wanted(e):
    asked = re.findall(r"(\w+) digits are enough", e.prompt)
    counted = e.answer == int(e.answer) and not asked
    assert counted or [DIGITS[word] for word in asked] == [e.digits]


@pytest.mark.parametrize("e", [e for e in bank.values() if isinstance(e, Number)], ids=lambda e: e.key)
def test_a_number_is_the_value_of_its_formula(e):
    """Each has a formula, and the forms of the right answer that its author typed have the same value."""
    assert e.formula
    assert e.judge(e.answer).outcome is Outcome.PASSED
    assert set(e.instead) <= set(e.given)


# --- what it takes to judge -----------------------------------------------------------------------------

ALONE = """
import sys
for name in ("torch", "numpy", "mistune", "sympy", "matplotlib", "anywidget", "IPython", "filelock"):
    sys.modules[name] = None  # an import of it fails
from ddpm_core.teach.bank import bank, LESSONS, lesson
judged = 0
for number in LESSONS:
    for name, words in lesson(number).words.items():
        if name in FUNCTIONS:
            continue
        e = bank[f"{number}.{name}"]
        for answer in (e.answer if hasattr(e, "answer") else e.models[0], "17.5", "x_0", "a"):
            e.judge(answer)
        if hasattr(e, "answer"):
            assert e.judge(e.answer).outcome.name == "PASSED", e.key
            assert all(m.message in e.judge(m.example).message for m in e.mistakes), e.key
        judged += 1
print(judged)
"""


@pytest.mark.slow
def test_without_torch_and_numpy_all_but_functions_are_judged():
    functions = {key.partition(".")[2] for key, e in bank.items() if e.kind == "function"}
    light = [e for e in bank.values() if e.kind != "function" and e.key.partition(".")[2] not in functions]
    run = [sys.executable, "-c", f"FUNCTIONS = {functions!r}\n{ALONE}"]
    done = subprocess.run(run, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(light)


def test_a_function_is_not_made_before_it_is_asked_for():
    code = (
        "import sys; from ddpm_core.teach.bank import bank; n = len(bank); print(n, 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == f"{len(bank)} False\n"
