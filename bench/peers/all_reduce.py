"""The all-reduces of bench/all-reduce.mjs by PyTorch's gloo, between processes of one machine: .venv/bin/python bench/peers/all_reduce.py [RANKS]"""
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def process(rank, size):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT='29519')
    torch.set_num_threads(1)
    dist.init_process_group('gloo', rank=rank, world_size=size)
    for count in (45_000_000, 2_100_000, 100_000, 64):
        x = torch.ones(-(-count // 4))
        times = []
        for i in range((15 if count > 1e6 else 150) + 3):
            x.fill_(1 / size)
            dist.barrier()
            start = time.perf_counter()
            dist.all_reduce(x)
            if i >= 3:
                times.append((time.perf_counter() - start) * 1000)
        times.sort()
        if rank == 0:
            print(f'{count} bytes {times[0]:.3f} (median {times[len(times) // 2]:.3f}) ms', end='; ', flush=True)
    if rank == 0:
        print('gloo')
    dist.destroy_process_group()


if __name__ == '__main__':
    ranks = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    mp.spawn(process, args=(ranks,), nprocs=ranks)
