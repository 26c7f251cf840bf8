"""The forms that logs come in: what rows hold, and which are nobody's learning."""

from training.ingest.forms import moodle, openedx, recbole, table, xapi

FORMS = {form.FORM.name: form.FORM for form in (table, xapi, openedx, moodle, recbole)}
