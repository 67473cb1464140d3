"""The tables of a store.

Some names are older than the words of the rest of the package: the table ``blocks`` holds samples, and the column
``subject`` of ``loads``, ``checks``, ``blocks`` and ``counts`` names a part.
"""

import sqlalchemy as sa

VERSION = 7  # raised with every change that an older nnbehave could not read

metadata = sa.MetaData()
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
spaces = sa.Table(
    "spaces",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("yaml", sa.Text, nullable=False),
)
points = sa.Table(
    "points",
    metadata,
    sa.Column("space", sa.String, sa.ForeignKey("spaces.id"), primary_key=True),
    sa.Column("slot", sa.String, primary_key=True),
    sa.Column("dimension", sa.String, primary_key=True),
    sa.Column("subject", sa.String, sa.ForeignKey("subjects.id"), primary_key=True),
)
subjects = sa.Table(
    "subjects",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("graph", sa.JSON, nullable=False),
)
artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("converter", sa.String, primary_key=True),
    sa.Column("version", sa.String, primary_key=True),
    sa.Column("seed", sa.Integer, primary_key=True),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("graph_s", sa.Float, nullable=False),
    sa.Column("convert_s", sa.Float, nullable=False),
)
environments = sa.Table(
    "environments",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("facts", sa.JSON, nullable=False),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("platform", sa.String, nullable=False),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("environment", sa.String, sa.ForeignKey("environments.id"), nullable=False),
    sa.Column("method", sa.String, nullable=False),
    sa.Column("context", sa.String),  # since version 7
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("cpus", sa.JSON, nullable=False),
    sa.Column("state", sa.JSON),  # of the machine's clocks as it began
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("finished_at", sa.Float),
)
terms = sa.Table(
    "terms",
    metadata,
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("part", sa.String, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    # These two since version 6; earlier versions wrote "reference:" before the id of a reference.
    sa.Column("is_reference", sa.Boolean),
    sa.Column("is_asked", sa.Boolean),
)
processes = sa.Table(
    "processes",
    metadata,
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("process", sa.Integer, primary_key=True),
    sa.Column("warm_up_spans", sa.Integer, nullable=False),
    sa.Column("steady", sa.Boolean, nullable=False),
    sa.Column("witnesses", sa.JSON, nullable=False),
)
retests = sa.Table(
    "retests",
    metadata,
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("neighbours", sa.JSON, nullable=False),
)
loads = sa.Table(
    "loads",
    metadata,
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("artifact", sa.String, nullable=False),
    sa.Column("load_s", sa.Float, nullable=False),
    # Version 2 had these two of the whole graph alone; later versions have them of each kernel too.
    sa.Column("executed_precision", sa.String, nullable=False),
    sa.Column("kernels", sa.JSON, nullable=False),
    sa.Column("placement", sa.String, nullable=False),
)
checks = sa.Table(
    "checks",
    metadata,
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("output_error", sa.Float, nullable=False),
    sa.Column("output_cosine", sa.Float),  # these two since version 4
    sa.Column("largest_error", sa.Float),
    sa.Column("rounding_error", sa.Float),  # since version 5
)
blocks = sa.Table(
    "blocks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), nullable=False, index=True),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("inner", sa.Integer, nullable=False),
    sa.Column("times_ns", sa.JSON, nullable=False),
    sa.Column("witnesses", sa.JSON, nullable=False),
    sa.Column("taken_at", sa.Float, nullable=False),
)
outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
stops = sa.Table(  # since version 6
    "stops",
    metadata,
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("rule", sa.String, nullable=False),
    sa.Column("rounds", sa.Integer, nullable=False),
    sa.Column("half_width", sa.Float, nullable=False),  # of the interval that the rule saw, as a share of the latency
)
counts = sa.Table(  # since version 6; earlier versions wrote exact costs into "blocks"
    "counts",
    metadata,
    sa.Column("session", sa.Integer, sa.ForeignKey("sessions.id"), primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("latency_ms", sa.Float, nullable=False),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("left_out", sa.JSON, nullable=False),
)
