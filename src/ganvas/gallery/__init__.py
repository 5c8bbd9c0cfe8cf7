"""The gallery: figures that show how adversarial games behave, with the numbers behind them.

Items G1 to G15 of the GAN lecture, the theory report, and the studies of critics of the WGAN-GP
paper. Each is computed when asked for; ``ganvas gallery`` writes them to a folder.
"""
