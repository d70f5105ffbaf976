"""What readers see: views folded from the log. Imports the domain only."""

from typing import Final

from projections import diploma_register, entries, group_register, learner_directory, learner_record
from projections.view import View

# Every view of this release. Adding one is a module with its `VIEW` and a line here.
ALL_VIEWS: Final[tuple[View, ...]] = (
    learner_record.VIEW,
    learner_directory.VIEW,
    group_register.VIEW,
    diploma_register.VIEW,
    entries.VIEW,
)
