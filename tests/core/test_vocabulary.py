"""Words: numbers for texts, their sum in a network, guidance by them, and data that tell them."""

import math

import pytest
import torch
from torch import nn

from ddpm_core import Denoiser, UNet, V, checkpoints, cosine, last, sample, train
from ddpm_core.gaussian import Gaussian
from ddpm_core.nets import embed
from ddpm_core.study.latents import Captioned
from ddpm_core.words import Vocabulary, split, vocabulary

KNOWN = ["blue", "book", "circle", "green", "heart", "red"]


def net(**how):
    torch.manual_seed(0)
    made = UNet(1, 8, (1, 2), words=KNOWN, **how)
    for weights in made.parameters():
        nn.init.normal_(weights, std=0.2)  # fresh blocks are the identity and listen to no words
    with torch.no_grad():
        made.embedding.label.weight[0] = 0
    return made.eval()


def worded():
    return Denoiser(net(), cosine(50), V(), clip=1.0)


X, T = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([7, 30])


def test_words_are_found_in_any_writing():
    assert split("A Red-Hot heart, GRÜN!") == ["a", "red", "hot", "heart", "grün"]
    assert vocabulary(["red heart", "a red book", "red red"], least=2) == ["red"]
    assert Vocabulary(KNOWN).numbers(["Red heart!", "", "book"]).tolist() == [[5, 4], [-1, -1], [1, -1]]
    assert Vocabulary(KNOWN).numbers("green").tolist() == [[3]]


def test_unknown_words_are_left_out_and_said():
    with pytest.warns(UserWarning, match="dragonfly, hearts; it knows heart"):
        assert Vocabulary(KNOWN).numbers(["red dragonfly hearts"]).tolist() == [[5]]
    with pytest.raises(ValueError, match="no word of 'hart'; it knows heart"):
        Vocabulary(KNOWN).numbers(["red", "hart"])
    with pytest.raises(TypeError, match="texts such as"):
        Vocabulary(KNOWN).numbers([3])


def test_the_order_of_words_and_empty_places_say_nothing():
    d = worded()
    said = d.given("red heart")(X, T)
    assert torch.allclose(said, d.given("heart red")(X, T), atol=1e-6)
    assert torch.allclose(said, d.given(torch.tensor([[-1, 5, -1, 4]]))(X, T), atol=1e-6)
    assert torch.equal(d.given("")(X, T), d(X, T))
    assert not torch.allclose(said, d.given("red")(X, T), atol=1e-4)


def test_a_network_sums_the_vectors_of_the_words():
    own = net().embedding
    codes = own.label.weight
    t = torch.tensor([3])
    bare = own.time(embed(t, own.width))
    assert torch.allclose(own(t, torch.tensor([[5, 4, -1]])), nn.functional.silu(bare + codes[6] + codes[5]))
    assert torch.equal(codes[0], torch.zeros(own.width))


def test_no_word_stays_zero_in_training():
    d = worded()
    y = torch.tensor([[5, -1], [-1, -1], [1, 4]])
    for _ in train(d, X[[0, 1, 0]].clamp(-1, 1), y, images=12, batch=3):
        pass
    assert not d.net.embedding.label.weight[0].any()


def test_guidance_leads_from_no_words_or_from_others():
    d, strength = worded(), 2.5
    plain, said, away = (Denoiser(d.net, d.schedule, V()) for _ in range(3))
    plain, said, away = plain(X, T), said.given(["red", "blue book"])(X, T), away.given("green")(X, T)
    free = Denoiser(d.net, d.schedule, V())
    assert torch.allclose(
        free.guided(["red", "blue book"], strength)(X, T), plain + strength * (said - plain), atol=1e-5
    )
    against = free.guided(["red", "blue book"], strength, against="green")(X, T)
    assert torch.allclose(against, away + strength * (said - away), atol=1e-5)
    assert torch.equal(free.guided(["red", "blue book"], 1)(X, T), said)
    assert torch.equal(free.guided("red", 0, against="green")(X, T), away)


def test_a_text_for_all_or_one_for_each():
    d = worded()
    assert last(sample(d.guided("red heart", 2.0), X, d.schedule.times(3))).xt.shape == X.shape
    with pytest.raises(ValueError, match="3 labels for 2 pictures"):
        d.given(["red", "green", "blue"])(X, T)
    with pytest.raises(ValueError, match="a row of words for each example"):
        d.given(torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="labels reach 6"):
        d.given(torch.tensor([[6]]))


def test_words_are_dropped_together_in_training():
    """With drop=1 no step sees a word: their vectors get no gradient, and Adam lets them be."""
    d = worded()
    before = d.net.embedding.label.weight.detach().clone()
    y = torch.tensor([[5, 3], [4, -1]])
    for _ in train(d, X.clamp(-1, 1), y, images=8, batch=2, drop=1.0):
        pass
    assert torch.equal(d.net.embedding.label.weight, before)


def test_words_are_saved_with_the_network(tmp_path):
    d = worded()
    checkpoints.save(d, tmp_path / "a.safetensors", shape=[1, 8, 8])
    again = checkpoints.load(tmp_path / "a.safetensors")
    assert torch.equal(again.given("red heart")(X, T), d.given("red heart")(X, T))


def test_a_network_without_words_says_so():
    d = Denoiser(UNet(1, 8, (1, 2)), cosine(50), V())
    with pytest.raises(ValueError, match="takes no label"):
        d.guided("red", 2.0)
    with pytest.raises(TypeError, match="labels must be an integer tensor"):
        d.given("red")


def captioned(n=400, left_out=0.25):
    g = torch.Generator().manual_seed(0)
    q = Gaussian(torch.arange(n, dtype=torch.float).reshape(n, 1, 1, 1).expand(n, 2, 4, 4), 0.01)
    numbers = torch.randint(6, (n, 3), generator=g)
    return Captioned(q, Gaussian(-q.mean, 0.01), [numbers, numbers[:, :1]], left_out), numbers


def test_captions_belong_to_their_pictures_and_are_drawn_anew():
    told, numbers = captioned()
    seen = [next(told.batches(400, 3, k * 400)) for k in range(6)]
    for x0, y, _ in seen:
        rows = x0.mean((1, 2, 3)).abs().round().long()
        assert sorted(rows.tolist()) == list(range(400))  # each once a round
        allowed = torch.cat([numbers[rows], -torch.ones(400, 1, dtype=torch.long)], 1)
        assert all(set(said.tolist()) <= set(own.tolist()) for said, own in zip(y, allowed, strict=True))
    x0 = torch.cat([batch.x0 for batch in seen])
    mirrored = (x0.mean((1, 2, 3)) < -0.5).float().mean().item()
    assert abs(mirrored - 0.5) < 4 * (0.25 / 2400) ** 0.5
    off = x0.abs() - x0.abs().mean((1, 2, 3), keepdim=True).round()
    assert abs(off[x0.abs() > 1].std().item() - 0.1) < 0.002


def test_words_are_left_out_as_often_as_said():
    told, _ = captioned()
    y = torch.cat([next(told.batches(400, 3, k * 400)).y for k in range(20)])
    whole = y[:, 1:]  # both texts have the first word, one has the others too
    assert abs((y[:, 0] < 0).float().mean().item() - 0.25) < 4 * (0.1875 / len(y)) ** 0.5
    assert abs((whole < 0).float().mean().item() - (1 - 0.5 * 0.75)) < 0.02


def test_batches_go_on_where_a_run_stopped():
    told, _ = captioned()
    feed, later = told.batches(64, 5, 0), told.batches(64, 5, 128)
    next(feed), next(feed)
    for a, b in zip(next(feed)[:2], next(later)[:2], strict=True):
        assert torch.equal(a, b)


def test_nothing_of_the_latents_is_cut_off():
    told, _ = captioned()
    assert told.reach == math.ceil(10 * (399 + 0.5)) / 10


def test_texts_to_train_on_may_hold_words_that_the_network_does_not_know():
    assert Vocabulary(KNOWN).known(["red hart", "hart", "book"]).tolist() == [[5], [-1], [1]]
