"""The mistakes that a formula can have, made one at a time.

A slip is a change at one node of a tree: a root lost, a term dropped, a name taken for another.  Made in the
right formula it gives a wrong one; made in a student's formula it may give the right one, and then what it
undoes was the mistake: `UNDONE` has the words for that.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from .tree import Call, Name, Num, Power, Product, Sum, Tree, names, nodes, parts, places, rebuilt, renamed

Pairs = tuple[tuple[int, Tree], ...]
LARGEST = 120  # nodes of a student's formula in which slips are looked for
ONE, TWO = Num(1.0), Num(2.0)
LOG2 = Call("log", TWO)

# What is said of two names, one of which stands for the other.
KIN = {
    frozenset(("abar", "abar_prev")): "the index is off by one",
    frozenset(("alpha", "abar")): r"$\bar\alpha_t$ counts all steps so far, $\alpha_t$ one of them",
    frozenset(("alpha", "beta")): r"$\beta_t = 1 - \alpha_t$",
    frozenset(("eps", "z")): r"$\varepsilon$ is the noise in $x_t$, z is fresh",
    frozenset(("x_0", "x_t")): "one is the picture, the other the noisy state",
}
SHARES = ("alpha", "abar", "beta")  # between 0 and 1: they may be taken for the rest, 1 - share


class Slip(NamedTuple):
    """The tree with the mistake, its kind, the trees that its words name, and how rare it is.

    cost: 0 for what can be wrong with any result, 1 for what is often done wrong, 2 for what is seldom, 3 for
    what is far-fetched.
    """

    tree: Tree
    kind: str
    about: tuple[Tree, ...]
    cost: int


# What went wrong when the change was made in the right formula, as a clause after "if".
DONE = {
    "root lost": "the root over {0} is left out",
    "root": "a root is taken of {0}, one too many",
    "all roots lost": "every root is left out",
    "square lost": "{0} isn't squared",
    "square": "{0} is squared, once too often",
    "power lost": "the exponent {1} of {0} is left out",
    "power times": "{0} is multiplied by {1} instead of raised to it",
    "power turned": "the exponent {1} is turned upside down",
    "log lost": "the logarithm of {0} is left out",
    "exp lost": "{0} isn't put into the exponential",
    "log2": r"$\log_2$ is taken of {0}, where the natural logarithm belongs",
    "log10": r"$\log_{{10}}$ is taken of {0}, where another logarithm belongs",
    "base ten": r"$\log 10$ stands where $\log 2$ belongs",
    "log of": r"$\log_2$ is taken of {0}, which is to be divided by $\log 2$",
    "log": r"the natural logarithm is taken of {0}, where $\log_2$ belongs",
    "sign": "the sign of {0} is turned round",
    "plus": "{0} is added instead of subtracted",
    "minus": "{0} is subtracted instead of added",
    "term lost": "the term {0} is left out",
    "factor lost": "the factor {0} is left out",
    "divisor lost": "the division by {0} is left out",
    "multiplied": "it is multiplied by {0} instead of divided",
    "divided": "it is divided by {0} instead of multiplied",
    "stroke": "only {0} stands below the stroke, where {1} belongs as well",
    "upside down": "{0} stands upside down",
    "complement": "{0} stands where {1} belongs",
    "from one": "the result is subtracted from 1",
    "times for plus": "{0} and {1} are multiplied instead of added",
    "plus for times": "{0} and {1} are added instead of multiplied",
    "doubled": "{0} is doubled (a factor 2 too many, or a half lost)",
    "halved": "{0} is halved (a half too many, or a factor 2 lost)",
    "bracket": "{0} goes with {1} alone; it belongs to the whole bracket {2}",
    "whole bracket": "{0} goes with the whole; it belongs to {1} alone",
    "root of parts": "the root is taken of each part; the root of a sum is not the sum of the roots",
    "square of parts": "each part is squared; the square of a sum is not the sum of the squares",
    "parts squared": "each part of {0} is squared",
    "parts rooted": "a root is taken of each part of {0}",
    "name": "{0} stands where {1} belongs",
    "swapped": "{0} and {1} have changed places",
    "one more": "{0} is counted one too high",
    "one less": "{0} is counted one too low",
    "rounded": "{0} is rounded on the way, to {1}",
    "stopped": "one stops at {0}, a step on the way",
    "nats": r"one stops before the division by {0}: those are nats, and bits are asked for",
    "times input": "the result is multiplied by {0}, once too often",
    "by input": "the result is divided by {0}, once too often",
    "percent": "the number is given in percent, where a plain number is asked for",
    "bits": r"the result is divided by {0}: those are bits, and nats are asked for",
}
# What went wrong when the change, made in the student's formula, gives the right one.
UNDONE = DONE | {
    "root lost": "{0} stands under a root, one too many",
    "root": "the root over {0} is left out",
    "all roots lost": "roots are taken where none belong",
    "square lost": "{0} is squared, once too often",
    "square": "{0} isn't squared",
    "power lost": "{0} is raised to {1}, an exponent too many",
    "power times": "{0} is raised to {1} instead of multiplied by it",
    "exp lost": "{0} is put into an exponential, one too many",
    "log10": r"another logarithm of {0} is taken, where $\log_{{10}}$ belongs",
    "base ten": r"$\log 2$ stands where $\log 10$ belongs",
    "log of": r"{0} is divided by $\log 2$, where its $\log_2$ belongs",
    "plus": "{0} is subtracted instead of added",
    "minus": "{0} is added instead of subtracted",
    "term lost": "the term {0} is too many",
    "factor lost": "the factor {0} is too many",
    "divisor lost": "the division by {0} is too many",
    "nats": DONE["bits"],
    "bits": r"the division by {0} is left out: those are nats, and bits are asked for",
    "multiplied": "it is divided by {0} instead of multiplied",
    "divided": "it is multiplied by {0} instead of divided",
    "stroke": "{1} stands below the stroke, where {0} belongs alone",
    "doubled": "{0} is halved (a half too many, or a factor 2 lost)",
    "halved": "{0} is doubled (a factor 2 too many, or a half lost)",
    "name": "{1} stands where {0} belongs",
    "log lost": "the logarithm of {0} is too many",
    "log2": r"the natural logarithm is taken of {0}, where $\log_2$ belongs",
    "log": r"$\log_2$ is taken of {0}, where the natural logarithm belongs",
    "complement": "{1} stands where {0} belongs",
    "times for plus": DONE["plus for times"],
    "plus for times": DONE["times for plus"],
    "one more": "{0} is counted one too low",
    "one less": "{0} is counted one too high",
    "bracket": "{0} goes with the whole; it belongs to {1} alone",
    "whole bracket": "{0} goes with {1} alone; it belongs to the whole bracket",
    "root of parts": "{0} is one root of a sum, where each part has a root of its own",
    "square of parts": "{0} is squared as a whole, where each part has a square of its own",
    "parts squared": "the squares of the parts of {0} are left out",
    "parts rooted": "the roots over the parts of {0} are left out",
}

Change = tuple[Tree, str, tuple[Tree, ...], int]


def roots(node: Tree) -> Iterator[Change]:
    """A root lost or too many."""
    match node:
        case Call("sqrt", Sum(terms)) if len(terms) > 1:
            yield Sum(tuple((s, rooted(part)) for s, part in terms)), "root of parts", (node,), 2
    match node:
        case Call("sqrt", argument) | Power(argument, Num(0.5)):
            yield argument, "root lost", (argument,), 1
        case Num(_) | Power(_, Num(2.0)):
            return
        case _:
            yield Call("sqrt", node), "root", (node,), 1


def rooted(tree: Tree) -> Tree:
    """The root of a tree; that of a square is its base."""
    return tree.base if isinstance(tree, Power) and tree.exponent == TWO else Call("sqrt", tree)


def powers(node: Tree) -> Iterator[Change]:
    """A square lost or too many, or an exponent mistaken."""
    match node:
        case Power(base, Num(2.0)):
            yield base, "square lost", (base,), 1
            yield Product(((1, TWO), (1, base))), "power times", (base, TWO), 2
            if isinstance(base, Sum):
                squares = Sum(tuple((s, Power(part, TWO)) for s, part in base.terms))
                yield squares, "square of parts", (base,), 2
        case Power(base, exponent) if exponent != Num(0.5):
            yield base, "power lost", (base, exponent), 1
            yield Product(((1, base), (1, exponent))), "power times", (base, exponent), 2
            yield Power(base, Product(((-1, exponent),))), "power turned", (base, exponent), 1
        case Num(value) if value > 2:
            yield Num(value * value), "square", (node,), 2
            yield Num(math.sqrt(value)), "root", (node,), 2
        case Name(_) | Sum(_) | Product(_):
            yield Power(node, TWO), "square", (node,), 1 if isinstance(node, Name) else 2


def logarithms(node: Tree) -> Iterator[Change]:
    """A logarithm to another base, or lost."""
    match node:
        case Call("log", argument) if argument != TWO:
            yield argument, "log lost", (argument,), 1
            yield Call("log2", argument), "log2", (argument,), 1
            yield Call("log10", argument), "log10", (argument,), 2
        case Call("log2", argument):
            yield argument, "log lost", (argument,), 1
            yield Call("log", argument), "log", (argument,), 1
            yield Call("log10", argument), "log10", (argument,), 2
        case Call("log", Num(2.0)):
            yield Call("log", Num(10.0)), "base ten", (), 1
        case Product(pairs) if (-1, LOG2) in pairs and len(pairs) > 1:
            rest = joined(node, without(pairs, pairs.index((-1, LOG2))))
            yield Call("log2", rest), "log of", (rest,), 1
        case Call("exp", argument):
            yield argument, "exp lost", (argument,), 1


def without(pairs: Pairs, i: int) -> Pairs:
    """The parts without the i-th."""
    return pairs[:i] + pairs[i + 1 :]


def with_(pairs: Pairs, i: int, sign: int, part: Tree) -> Pairs:
    """The parts with another one in the i-th place."""
    return (*pairs[:i], (sign, part), *pairs[i + 1 :])


def joined(node: Sum | Product, pairs: Pairs) -> Tree:
    """A sum or a product of these parts; of a single one, the part itself."""
    return pairs[0][1] if len(pairs) == 1 and pairs[0][0] > 0 else type(node)(pairs)


def in_sums(node: Tree) -> Iterator[Change]:
    """A term dropped, or with the wrong sign."""
    if not isinstance(node, Sum):
        return
    all_ = node.terms
    for i, (sign, term) in enumerate(all_):
        word = "sign" if i == 0 else "minus" if sign > 0 else "plus"
        yield Sum(with_(all_, i, -sign, term)), word, (term,), 1
        if len(all_) > 1:
            yield joined(node, without(all_, i)), "term lost", (term,), 1
    if len(all_) > 1:
        yield Sum(tuple((s, Power(part, TWO)) for s, part in all_)), "parts squared", (node,), 2
        yield Sum(tuple((s, rooted(part)) for s, part in all_)), "parts rooted", (node,), 2
    match all_:
        case ((1, Num(1.0)), (-1, part)):
            yield part, "complement", (part, node), 1
        case ((1, a), (1, b)):
            yield Product(((1, a), (1, b))), "times for plus", (a, b), 2
    yield from brackets(node)


def in_products(node: Tree) -> Iterator[Change]:
    """A factor dropped, or on the wrong side of the fraction."""
    if not isinstance(node, Product):
        return
    all_ = node.factors
    if len(all_) == 2 and all_[0][0] > 0 < all_[1][0]:
        yield Sum(all_), "plus for times", (all_[0][1], all_[1][1]), 2
    for i, (sign, factor) in enumerate(all_):
        if len(all_) > 1 and factor != ONE:
            kind = "factor lost" if sign > 0 else "nats" if factor == LOG2 else "divisor lost"
            yield joined(node, without(all_, i)), kind, (factor,), 1
        if factor != ONE:
            kind = "divided" if sign > 0 else "multiplied"
            yield Product(with_(all_, i, -sign, factor)), kind, (factor,), 1
        if isinstance(factor, Sum) and len(all_) > 1 and sign > 0:
            yield from half_brackets(node, i, factor)
    yield from half_strokes(node)


def half_strokes(node: Product) -> Iterator[Change]:
    """One divisor alone below the stroke, or the first ones, as in a/b*c for a/(b*c)."""
    above, below = ([(1, f) for sign, f in node.factors if sign == side] for side in (1, -1))
    for low, high in [*((i, i + 1) for i in range(len(below))), *((0, k) for k in range(2, len(below)))]:
        stay, rest = tuple(below[low:high]), tuple(below[:low] + below[high:])
        if rest:
            new = Product((*above, *rest, *((-1, factor) for _, factor in stay)))
            yield new, "stroke", (joined(node, stay), joined(node, rest)), 1


def half_brackets(node: Product, i: int, bracket: Sum) -> Iterator[Change]:
    """The other factors of a product multiplied with one term of the bracket alone."""
    others = without(node.factors, i)
    shown = Product(others) if len(others) > 1 or others[0][0] < 0 else others[0][1]
    for k, (sign, term) in enumerate(bracket.terms):
        mixed = Sum(with_(bracket.terms, k, sign, Product(((1, term), *others))))
        yield mixed, "bracket", (shown, term, bracket), 1


def brackets(node: Sum) -> Iterator[Change]:
    """A factor of one term multiplied with the whole sum."""
    for i, (sign, term) in enumerate(node.terms):
        if isinstance(term, Product):
            for k, (side, factor) in enumerate(term.factors):
                rest = joined(term, without(term.factors, k)) if len(term.factors) > 1 else ONE
                whole = Product(((1, Sum(with_(node.terms, i, sign, rest))), (side, factor)))
                yield whole, "whole bracket", (Product(((side, factor),)) if side < 0 else factor, rest), 2


def turned(node: Tree) -> Iterator[Change]:
    """A fraction upside down."""
    match node:
        case Product(pairs) if any(sign < 0 for sign, _ in pairs):
            yield Product(tuple((-sign, part) for sign, part in pairs)), "upside down", (node,), 1


def crossed(node: Tree) -> Iterator[Change]:
    """Factors of two terms, or of numerator and denominator, that have changed places."""
    match node:
        case Sum(((s, Product(a)), (r, Product(b)))):
            for i, (_, f) in enumerate(a):
                for k, (_, g) in enumerate(b):
                    if f != g:
                        one, other = with_(a, i, a[i][0], g), with_(b, k, b[k][0], f)
                        yield Sum(((s, Product(one)), (r, Product(other)))), "swapped", (f, g), 2


LOCAL: tuple[Callable[[Tree], Iterator[Change]], ...] = (
    roots,
    powers,
    logarithms,
    in_sums,
    in_products,
    turned,
    crossed,
)


def of_the_whole(tree: Tree) -> Iterator[Change]:
    """What can be wrong with the result: its sign, a half, its inverse, its unit."""
    yield Sum(((-1, tree),)), "sign", (tree,), 0
    yield Product(((1, TWO), (1, tree))), "doubled", (tree,), 0
    yield Product(((1, tree), (-1, TWO))), "halved", (tree,), 0
    yield Product(((-1, tree),)), "upside down", (tree,), 0
    yield Power(tree, TWO), "square", (tree,), 0
    yield Call("sqrt", tree), "root", (tree,), 0
    logs = [node for node in nodes(tree) if isinstance(node, Call) and "log" in node.function]
    if logs and LOG2 not in logs:
        yield Product(((1, tree), (-1, LOG2))), "bits", (LOG2,), 0
    yield Sum(((1, ONE), (-1, tree))), "from one", (tree,), 0


def throughout(tree: Tree) -> Iterator[Change]:
    """One mistake made everywhere."""
    if sum(isinstance(node, Call) and node.function == "sqrt" for node in nodes(tree)) > 1:
        yield without_roots(tree), "all roots lost", (), 1
    for name in map(Name, sorted(names(tree))):
        if "(" not in name.name and sum(node == name for node in nodes(tree)) > 1:
            yield renamed(tree, {name.name: Call("sqrt", name)}), "root", (name,), 1
            yield renamed(tree, {name.name: Power(name, TWO)}), "square", (name,), 1


def without_roots(tree: Tree) -> Tree:
    """The tree without any root."""
    new = rebuilt(tree, tuple(map(without_roots, parts(tree))))
    return new.argument if isinstance(new, Call) and new.function == "sqrt" else new


def slips(tree: Tree, others: Mapping[str, Collection[str]], most: int = 3) -> Iterator[Slip]:
    """Every slip of one change, often made ones first.  others: for a name, what could be taken for it."""
    found = [*of_the_whole(tree), *throughout(tree), *confusions(tree, others)]
    for node, put in places(tree):
        found += [(put(new), kind, about, cost) for f in LOCAL for new, kind, about, cost in f(node)]
        found += [(put(new), kind, about, cost) for new, kind, about, cost in leaves(node, others)]
        if node is not tree and names(node):
            found.append((node, "stopped", (node,), 1 if isinstance(node, Name) else 2))
    for new, kind, about, cost in sorted(found, key=lambda change: change[3]):
        if cost <= most:
            yield Slip(new, kind, about, cost)


def confusions(tree: Tree, others: Mapping[str, Collection[str]]) -> Iterator[Change]:
    """One name taken for another everywhere, or two that have changed places."""
    here = sorted(names(tree))
    for name in here:
        for other in others.get(name, ()):
            yield renamed(tree, {name: Name(other)}), "name", (Name(other), Name(name)), 1
    for i, a in enumerate(here):
        for b in here[i + 1 :]:
            if "(" not in a and b in others.get(a, ()):
                yield renamed(tree, {a: Name(b), b: Name(a)}), "swapped", (Name(a), Name(b)), 1


def leaves(node: Tree, others: Mapping[str, Collection[str]]) -> Iterator[Change]:
    """One name taken for another in one place; a count that is one too high or too low."""
    match node:
        case Name(name):
            for other in others.get(name, ()):
                yield Name(other), "name", (Name(other), node), 2
            if name.partition("_")[0] in SHARES:
                rest = Sum(((1, ONE), (-1, node)))
                yield rest, "complement", (rest, node), 2
        case Num(value) if 2 <= value < 1e15 and value == int(value):
            yield Num(value + 1), "one more", (node,), 2
            yield Num(value - 1), "one less", (node,), 2


def forms(tree: Tree) -> list[Tree]:
    """The tree with 1 - x as a part of its own, roots of fractions as fractions of roots, and long sums."""
    flat = flattened(tree)
    split = grouped(flat)
    return list(dict.fromkeys((with_spread_roots(split), split, one_sum(flat))))


def one_sum(tree: Tree) -> Tree:
    """The tree with sums in sums as one sum."""
    new = rebuilt(tree, tuple(map(one_sum, parts(tree))))
    if not isinstance(new, Sum):
        return new
    split = ((s, part.terms if isinstance(part, Sum) else ((1, part),)) for s, part in new.terms)
    return Sum(tuple((s * sign, term) for s, pairs in split for sign, term in pairs))


def flattened(tree: Tree) -> Tree:
    """The tree with products in products, also below a stroke, as one product."""
    new = rebuilt(tree, tuple(map(flattened, parts(tree))))
    if not isinstance(new, Product):
        return new
    split = ((s, part.factors if isinstance(part, Product) else ((1, part),)) for s, part in new.factors)
    return Product(tuple((s * sign, factor) for s, pairs in split for sign, factor in pairs))


def grouped(tree: Tree) -> Tree:
    """The tree with each 1 - x in a longer sum as a part of its own."""
    new = rebuilt(tree, tuple(map(grouped, parts(tree))))
    if isinstance(new, Sum) and len(new.terms) > 2:
        for i, pair in enumerate(zip(new.terms, new.terms[1:], strict=False)):
            if pair[0] == (1, ONE) and pair[1][0] < 0:
                return Sum((*new.terms[:i], (1, Sum(pair)), *new.terms[i + 2 :]))
    return new


def with_spread_roots(tree: Tree) -> Tree:
    """The tree with the root of a product as the product of the roots."""
    new = rebuilt(tree, tuple(map(with_spread_roots, parts(tree))))
    match new:
        case Call("sqrt", Product(pairs)):
            return Product(tuple((sign, rooted(part)) for sign, part in pairs))
    return new


def said(slip: Slip, words: Mapping[str, str], shown: Callable[[Tree], str]) -> str:
    """A slip in words.  shown: how to write a tree."""
    bare = slip.kind == "name" and all(isinstance(tree, Name) for tree in slip.about)
    note = KIN.get(frozenset(tree.name for tree in slip.about if isinstance(tree, Name))) if bare else None
    return words[slip.kind].format(*map(shown, slip.about)) + (f" ({note})" if note else "")


def exchanged(made: Slip, undone: Slip) -> Slip | None:
    """Two slips as one: a part lost and one too many is one for another; None for other slips."""
    if made.kind == undone.kind == "complement":
        return Slip(undone.tree, "swapped", made.about, 2)
    if made.kind != undone.kind or made.kind not in ("term lost", "factor lost", "divisor lost"):
        return None
    return Slip(undone.tree, "name", (*undone.about, *made.about), 2)


def chance(values: Iterable[float], value: float, width: float) -> float:
    """How many of these values would by chance lie as near to a value as `width`, relative to it.

    They are counted from a third of it to three times it, as if they were spread evenly there.
    """
    near = sum(1 for v in values if v * value > 0 and 1 / 3 < v / value < 3)
    return near * width / math.log(3)
