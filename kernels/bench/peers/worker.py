"""The side of a peer: it loads what a part needs, then runs it once for every line on standard input and answers with a line of JSON."""
import json
import pathlib
import sys
import time


def serve(run, ran_in):
    """Answers lines until there are no more. run does the work once; ran_in is the number format that it really computes in."""
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(json.dumps({'cpu_seconds': cpu, 'wall_seconds': wall, 'ran_in': ran_in}), flush=True)


def stepped():
    """Tells that the first step is done."""
    print('decoding', flush=True)  # what sowgen says then


def peak_memory(pid):
    """The most memory that a process had at a time, in MB."""
    lines = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
    return round(next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith('VmHWM:')))
