"""The classics of deep clustering, a page each: a network, an objective and a schedule."""

from skdeepclust.classics.dcn import DCNClusterer
from skdeepclust.classics.dec import DECClusterer
from skdeepclust.classics.dkm import DKMClusterer
from skdeepclust.classics.idec import IDECClusterer
from skdeepclust.classics.vade import VaDEClusterer

__all__ = ["DCNClusterer", "DECClusterer", "DKMClusterer", "IDECClusterer", "VaDEClusterer"]
