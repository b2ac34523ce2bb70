"""An experiment of seconds, also for a process that a test kills."""

from sdtheory.experiments.networks.chain import Experiment
from sdtheory.experiments.networks.training import Settings

TINY = Experiment(
    settings=Settings(epochs=3, batch=20, learning_rate=0.005),
    rounds=3,
    seeds=(0, 1),
    train=60,
    validation=40,
    test=100,
)
