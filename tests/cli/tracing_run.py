"""Options of runs of knowledge tracing."""

KT = ("--mart", "kt_sequences")
EDM = "edm_cup_2023"  # the mart's default data set
QUICK = (*KT, "--epochs", "2", "--set", "models.sakt.dim=8")
