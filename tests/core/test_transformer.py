"""The small transformer: what attention is, which symmetries the network has, and what a new one does."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from oracles import normal

from ddpm_core import Denoiser, V, cosine, ddim, last, sample, train
from ddpm_core.study.transformer import Block, Transformer, attend, patches, place_codes, unpatched

draw = partial(normal, dtype=torch.float32)


def awake(seed=0, **how):
    """A small transformer whose weights are all random, none 0."""
    torch.manual_seed(seed)
    net = Transformer(width=24, depth=2, heads=2, words=["red", "green", "heart"], **how).eval()
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    torch.nn.init.zeros_(net.embedding.label.weight[0])  # no word
    return net


T5 = torch.tensor([1, 7, 300, 999, 2])
Y5 = torch.tensor([[0, 2], [2, 0], [1, -1], [-1, -1], [2, 2]])


def test_attention_by_hand():
    """A query of 1, keys 1 and -1, values 3 and 1: the shares are e/(e + 1/e) and the rest."""
    share = math.e / (math.e + 1 / math.e)
    q, k, v = (torch.tensor(x)[None, :, None] for x in ([1.0], [1.0, -1.0], [3.0, 1.0]))
    assert attend(q, k, v).item() == pytest.approx(3 * share + 1 * (1 - share), rel=1e-6)


def test_attention_is_torch_s_own_and_masked_keys_do_not_exist():
    q, k, v = draw(3, 5, 8), draw(3, 4, 8, seed=1), draw(3, 4, 6, seed=2)
    assert torch.allclose(attend(q, k, v), F.scaled_dot_product_attention(q, k, v), atol=1e-6)
    known = torch.tensor([True, False, True, False]).expand(3, 4)
    assert torch.allclose(attend(q, k, v, known), attend(q, k[:, ::2], v[:, ::2]), atol=1e-6)


def test_where_nothing_is_known_a_query_gets_nothing_and_gradients_are_finite():
    q, k, v = (draw(2, 3, 4, seed=s).requires_grad_() for s in range(3))
    known = torch.tensor([[False] * 3, [True, False, True]])
    got = attend(q, k, v, known)
    assert torch.equal(got[0], torch.zeros(3, 4))
    assert torch.equal(got[1], attend(q, k, v, known[1].expand(2, 3))[1])
    got.square().sum().backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v))


def test_patches_are_squares_in_reading_order_and_come_back():
    x = draw(2, 3, 6, 4)
    tokens = patches(x, 2)
    assert tokens.shape == (2, 6, 12)
    for n, (row, column) in enumerate((r, c) for r in range(3) for c in range(2)):
        square = x[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert torch.equal(tokens[:, n], square.flatten(1))
    assert torch.equal(unpatched(tokens, 2, x.shape), x)


def test_each_place_has_a_code_of_its_own():
    codes = place_codes(4, 4, 48)
    assert codes.shape == (16, 48)
    assert torch.pdist(codes).min() > 0.5


def test_a_new_block_is_the_identity_and_a_new_network_says_nothing():
    x, e, words = draw(2, 4, 24), draw(2, 24, seed=1), draw(2, 3, 24, seed=2)
    known = torch.ones(2, 3, dtype=torch.bool)
    assert torch.equal(Block(24, 2, words=True)(x, e, words, known), x)
    assert not Transformer(words=["red"])(draw(2, 4, 8, 8), torch.tensor([1, 2])).any()


@pytest.mark.parametrize("cross", [True, False])
def test_words_are_a_set_that_counts_and_nothing_stands_for_none(cross):
    net, x = awake(cross=cross), draw(5, 4, 8, 8)
    told = net(x, T5, Y5)
    assert torch.allclose(told[0], net(x, T5, Y5.flip(1))[0], atol=1e-5)  # without an order
    assert not torch.allclose(told[0], net(x, T5, Y5 * 0 + 1)[0], atol=1e-2)
    wider = torch.cat([Y5, torch.full((5, 3), -1)], 1)
    assert torch.allclose(told, net(x, T5, wider), atol=1e-5)
    assert torch.allclose(net(x, T5), net(x, T5, torch.full_like(Y5, -1)), atol=1e-5)
    assert told.isfinite().all()


def test_attending_to_words_matters_beyond_their_sum():
    """Two different vectors for one sum: "red" and "green" against two others, all four summed alike."""
    net, x = awake(), draw(5, 4, 8, 8)
    with torch.no_grad():
        table = net.embedding.label.weight
        table[1:] = torch.stack([torch.ones(24), -torch.ones(24), torch.zeros(24)])
        y, other = torch.tensor([[0, 1]]).expand(5, 2), torch.tensor([[2, 2]]).expand(5, 2)
        assert torch.allclose(net.embedding(T5, y), net.embedding(T5, other))
        assert not torch.allclose(net(x, T5, y), net(x, T5, other), atol=1e-3)


def test_without_places_a_patch_does_not_know_where_it_is():
    net, order = awake(), torch.randperm(16, generator=torch.Generator().manual_seed(3))

    def moved(x):
        return unpatched(patches(x, 2)[:, order], 2, x.shape)

    x = draw(5, 4, 8, 8)
    assert not torch.allclose(net(moved(x), T5, Y5), moved(net(x, T5, Y5)), atol=1e-2)
    net.places.zero_()
    assert torch.allclose(net(moved(x), T5, Y5), moved(net(x, T5, Y5)), atol=1e-4)


def test_it_trains_walks_and_is_guided_as_a_u_net_is():
    torch.manual_seed(0)
    net = Transformer(width=24, depth=1, heads=2, words=["red", "green"])
    denoiser = Denoiser(net, cosine(20), V(), clip=3.0)
    x0 = torch.cat([torch.ones(32, 4, 8, 8), -torch.ones(32, 4, 8, 8)])
    y = torch.arange(2).repeat_interleave(32)[:, None]
    losses = [step.loss for step in train(denoiser, x0, y, images=64 * 150, lr=3e-3, ema=0.9)]
    assert sum(losses[-10:]) < 0.65 * sum(losses[:10])
    told = denoiser.guided(["red", "green"], 2.0)
    made = last(sample(told, draw(2, 4, 8, 8), told.schedule.times(10), ddim)).xt
    assert made[0].mean() > 0.5
    assert made[1].mean() < -0.5


def test_bad_input_is_told():
    with pytest.raises(ValueError, match="multiple of patch"):
        Transformer(size=9)
    with pytest.raises(ValueError, match="must have shape"):
        Transformer()(draw(1, 4, 16, 16), torch.tensor([1]))
