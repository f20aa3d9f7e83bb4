"A book on image generation with GANs that runs: this package is what its chapters export."
__version__ = "0.1.0"
