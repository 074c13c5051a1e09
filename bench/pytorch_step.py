#!/usr/bin/env python3
"""Times a training step of the shipped network written in PyTorch eager: the yardstick of `nsode train`.

The same shapes, in the order of ours: a dense feature tensor (24 anchors of 37 numbers) through a linear layer,
10 pre-norm encoder blocks, embeddings interpolated between two neighbours, 3 decoder blocks, one head over the
predicted places only, cross-entropy against two neighbouring bins. The matrix products are in bfloat16 by
autocast; AdamW with clipping. Batches are made beforehand and cost nothing here, while ours are drawn, solved
and observed beside the training.

Attention and optimizer are chosen by timing: PyTorch's fused attention or its parts written out, AdamW fused or
foreach. Only the best counts.

    cargo run --release -p nsode-model --example lengths > out/lengths.json
    .peers/torch/bin/python bench/pytorch_step.py out/lengths.json [--seconds 40] [--device cuda --batch 2048]

`scripts/pytorch` makes that environment. The first line writes how long sequences are: a list of their
numbers of tokens and constants.
"""

import argparse
import itertools
import json
import random
import time

import torch
import torch.nn.functional as F
from torch import nn

# Shapes of data/configs/train-scalar.toml.
WIDTH, HEADS, ENCODER, DECODER, WIDER = 256, 8, 10, 3, 4
ANCHORS, FEATURES = 24, 37
VOCABULARY, FIRST_BIN, POSITIONS = 324, 67, 65
BATCH, POOL = 256, 8
CONSTANTS_WEIGHT = 0.3


class SelfAttention(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.fused = fused

    def forward(self, x, causal):
        q, k, v = heads(self.qkv(self.norm(x)), 3)
        return x + self.out(attend(q, k, v, causal, self.fused))


class CrossAttention(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        self.query = nn.Linear(WIDTH, WIDTH, bias=False)
        self.kv = nn.Linear(WIDTH, 2 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.fused = fused

    def forward(self, x, memory):
        (q,) = heads(self.query(self.norm(x)), 1)
        k, v = heads(self.kv(memory), 2)
        return x + self.out(attend(q, k, v, False, self.fused))


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, WIDER * WIDTH, bias=False)
        self.down = nn.Linear(WIDER * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        return x + self.down(F.gelu(self.up(self.norm(x))))


def heads(x, parts):
    rows, places, _ = x.shape
    return x.view(rows, places, parts, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4).unbind(0)


def attend(q, k, v, causal, fused):
    if fused:
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    else:
        scores = (q * (WIDTH // HEADS) ** -0.5) @ k.transpose(-2, -1)
        if causal:
            size = scores.shape[-1]
            later = torch.full((size, size), float("-inf"), device=q.device).triu(1)
            scores = scores + later
        mixed = scores.float().softmax(-1).to(v.dtype) @ v
    return mixed.transpose(1, 2).flatten(2)


class Network(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.input = nn.Linear(FEATURES, WIDTH)
        self.encoder = nn.ModuleList()
        for _ in range(ENCODER):
            self.encoder.append(nn.ModuleList([SelfAttention(fused), FeedForward()]))
        self.encoder_norm = nn.LayerNorm(WIDTH, bias=False)
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.decoder = nn.ModuleList()
        for _ in range(DECODER):
            block = [SelfAttention(fused), CrossAttention(fused), FeedForward()]
            self.decoder.append(nn.ModuleList(block))
        self.decoder_norm = nn.LayerNorm(WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, batch):
        x = self.input(batch["features"])
        for attention, feed_forward in self.encoder:
            x = feed_forward(attention(x, False))
        memory = self.encoder_norm(x)
        ids, upper = batch["ids"], batch["upper"].unsqueeze(-1)
        above = (ids + 1).clamp_max(VOCABULARY - 1)
        x = self.tokens(ids) * (1 - upper) + self.tokens(above) * upper
        x = x + self.positions(batch["positions"])
        for attention, cross, feed_forward in self.decoder:
            x = feed_forward(cross(attention(x, True), memory))
        chosen = x.reshape(-1, WIDTH).index_select(0, batch["places"])
        return self.head(self.decoder_norm(chosen))


def loss_of(logits, batch):
    log_p = logits.float().log_softmax(-1)
    target, upper = batch["target"], batch["target_upper"]
    pair = torch.stack([target, (target + 1).clamp_max(VOCABULARY - 1)], 1)
    log_p = log_p.gather(1, pair)
    entropies = -(log_p[:, 0] * (1 - upper) + log_p[:, 1] * upper)
    tokens = batch["skeleton_tokens"]
    skeleton, constants = entropies[:tokens].sum(), entropies[tokens:].sum()
    return (skeleton + CONSTANTS_WEIGHT * constants) / tokens


def batches(lengths, count, device):
    """Random numbers in the shapes of our batches: drawn together, sorted by length, cut, padded, shuffled."""
    made = []
    while len(made) < count:
        pool = sorted(random.choices(lengths, k=BATCH * POOL), key=sum)
        cut = [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
        random.shuffle(cut)
        made.extend(cut)
    return [batch_of(rows, device) for rows in made[:count]]


def batch_of(rows, device):
    longest = max(tokens + constants for tokens, constants in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    positions = torch.zeros_like(ids)
    places = ([], [])
    for i, (tokens, constants) in enumerate(rows):
        length = tokens + constants
        ids[i, :tokens] = torch.randint(3, FIRST_BIN, (tokens,))
        ids[i, tokens:length] = torch.randint(FIRST_BIN, VOCABULARY, (constants,))
        positions[i, :tokens] = torch.arange(tokens)
        positions[i, tokens:length] = 33 + torch.arange(constants)
        start = i * longest
        places[0].extend(range(start, start + tokens))
        places[1].extend(range(start + tokens, start + length))
    predictions = len(places[0]) + len(places[1])
    batch = {
        "features": torch.randn(len(rows), ANCHORS, FEATURES),
        "ids": ids,
        "upper": torch.rand(ids.shape) * (ids >= FIRST_BIN),
        "positions": positions,
        "places": torch.tensor(places[0] + places[1]),
        "target": torch.randint(3, VOCABULARY - 1, (predictions,)),
        "target_upper": torch.rand(predictions),
    }
    batch = {name: tensor.to(device) for name, tensor in batch.items()}
    batch["skeleton_tokens"] = len(places[0])
    return batch


def trainer(fused_attention, optimizer, device):
    torch.manual_seed(1)
    network = Network(fused_attention).to(device)
    adamw = torch.optim.AdamW(
        network.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=0.05, **{optimizer: True}
    )

    def step(batch):
        with torch.autocast(device.type, dtype=torch.bfloat16):
            logits = network(batch)
        loss_of(logits, batch).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0, foreach=True)
        adamw.step()
        adamw.zero_grad(set_to_none=True)

    return step, sum(p.numel() for p in network.parameters())


def time_steps(step, data, seconds, device):
    """Samples a second, over at least `seconds` seconds and 4 steps, after 2 steps that do not count."""
    for batch in data[:2]:
        step(batch)
    wait(device)
    start, steps = time.perf_counter(), 0
    for batch in itertools.cycle(data):
        step(batch)
        steps += 1
        if steps >= 4 and time.perf_counter() - start > seconds:
            break
    wait(device)
    elapsed = time.perf_counter() - start
    return steps * BATCH / elapsed, 1e3 * elapsed / steps


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak(device):
    """Operations a second of a bfloat16 product as large as ours measures it on."""
    side, products = (1536, 1) if device.type == "cpu" else (8192, 8)
    a = torch.randn(side, side, dtype=torch.bfloat16, device=device)
    best = float("inf")
    with torch.no_grad():
        for _ in range(6):
            wait(device)
            start = time.perf_counter()
            for _ in range(products):
                a @ a
            wait(device)
            best = min(best, time.perf_counter() - start)
    return products * 2 * side**3 / best


def main():
    global BATCH
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("lengths", help="JSON list of [tokens, constants]")
    arguments.add_argument("--seconds", type=float, default=40.0, help="of timing, in all [40]")
    arguments.add_argument("--threads", type=int, default=2, help="of the products, on a CPU [2]")
    arguments.add_argument("--batch", type=int, default=BATCH, help=f"samples a step [{BATCH}]")
    arguments.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    random.seed(1)
    device = torch.device(given.device)
    BATCH = given.batch
    with open(given.lengths) as file:
        lengths = json.load(file)
    print(f"torch {torch.__version__}, {given.threads} threads, peak {peak(device) / 1e9:.0f} GFLOP/s")
    data = batches(lengths, 4 * POOL, device)

    choices = list(itertools.product([False, True], ["fused", "foreach"]))
    results = []
    for fused_attention, optimizer in choices:
        step, weights = trainer(fused_attention, optimizer, device)
        # half of the time for the choice, half for what was chosen
        rate, _ = time_steps(step, data, given.seconds / 2 / len(choices), device)
        attention = "fused attention" if fused_attention else "attention written out"
        print(f"{attention}, AdamW {optimizer}, {weights} weights: {rate:.0f} samples/s")
        results.append((rate, (fused_attention, optimizer)))
    _, best = max(results)
    step, _ = trainer(*best, device)
    rate, milliseconds = time_steps(step, data, given.seconds / 2, device)
    print(f"best: {rate:.1f} samples/s, {milliseconds:.0f} ms/step")


if __name__ == "__main__":
    main()
