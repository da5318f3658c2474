"""Would the tests notice? Code is changed in one place, at random, and the tests that run that place are run.

`mutants` finds and draws the changes, `covering` which test runs which line, `children` forks, `swap` puts a change in.
"""
