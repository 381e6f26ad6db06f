"""Figures of Mesa's own wolf-sheep and Schelling models, for tests/tests/populations.rs to compare with.

    pip install "mesa[rec]==3.3.1"
    python tests/mesa/figures.py [SEEDS]

Prints what means over SEEDS (100) runs come to, and how far such a mean is from run to run (one standard error).
"""

import statistics
import sys
import warnings

warnings.filterwarnings("ignore")

import mesa  # noqa: E402
from mesa.examples.advanced.wolf_sheep.model import WolfSheep  # noqa: E402
from mesa.examples.basic.schelling.model import Schelling  # noqa: E402
from mesa.experimental.devs import ABMSimulator  # noqa: E402

SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 100


def told(what, values):
    error = statistics.stdev(values) / len(values) ** 0.5
    print(f"{what}: {statistics.mean(values):.4f} +- {error:.4f}", flush=True)


def cycle(what, runs):
    """The cycle that all runs begin with, of the mean over runs: where it has its top, where its bottom behind that."""
    mean = [statistics.mean(run[frame] for run in runs) for frame in range(len(runs[0]))]
    top = max(range(100), key=lambda frame: mean[frame])
    bottom = min(range(top, 150), key=lambda frame: mean[frame])
    print(f"{what}: top {mean[top]:.2f} at frame {top}, bottom {mean[bottom]:.2f} at frame {bottom}")


def wolf_sheep():
    """Means over frames 50 to 250 of each run, and the first cycle."""
    found = {"Sheep": [], "Wolves": [], "Grass": []}
    runs = {"Sheep": [], "Wolves": []}
    for seed in range(SEEDS):
        simulator = ABMSimulator()
        model = WolfSheep(
            width=30, height=30, initial_sheep=150, initial_wolves=15, seed=seed, simulator=simulator
        )
        simulator.run_for(250)
        data = model.datacollector.get_model_vars_dataframe()
        for name, values in found.items():
            values.append(float(data[name].iloc[51:251].mean()))
        for name, values in runs.items():
            values.append([float(count) for count in data[name]])
    for name, values in found.items():
        told(f"wolf-sheep 30 x 30, 150 sheep, 15 wolves, {name}", values)
    for name, values in runs.items():
        cycle(f"wolf-sheep 30 x 30, 150 sheep, 15 wolves, {name}", values)


def schelling():
    """The share of neighbours of the own kind in the end, over those who have neighbours."""
    found = []
    for seed in range(SEEDS):
        model = Schelling(width=30, height=30, density=0.8, minority_pc=0.5, homophily=0.4, seed=seed)
        for _ in range(200):
            if not model.running:
                break
            model.step()
        shares = []
        for agent in model.agents:
            near = list(agent.cell.get_neighborhood(radius=1).agents) if hasattr(agent, "cell") else [
                other for other in model.grid.get_neighbors(agent.pos, moore=True, radius=1)
            ]
            if near:
                shares.append(sum(other.type == agent.type for other in near) / len(near))
        found.append(sum(shares) / len(shares))
    told("schelling 30 x 30, density 0.8, halves, 0.4 wanted: own kind among neighbours", found)


print("mesa", mesa.__version__)
schelling()
wolf_sheep()
