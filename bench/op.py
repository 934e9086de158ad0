"""What does one op cost in Python? `add` of one element, created and freed, median of 15 rounds. One JSON line."""
import json, time
import torch

torch.set_num_threads(1)
one, calls, rounds = torch.ones(1), 20000, []
for r in range(20):
    start = time.perf_counter()
    for _ in range(calls):
        one.add(one)
    if r >= 5:
        rounds.append((time.perf_counter() - start) * 1e6 / calls)
print(json.dumps({"what": "pytorch", "us_per_op": sorted(rounds)[len(rounds) // 2], "torch": torch.__version__}))
