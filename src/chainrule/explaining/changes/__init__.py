"""Changes that may make an expression shorter: each keeps its value and has a name in `simplify`.

* `expand`: products multiplied out.
* `factor`: what terms share put in front.
* `quotients`: fractions inside fractions cleared, common denominators, common factors cancelled.
* `identities`: of exponentials and of trigonometric and hyperbolic functions.
* `choices`: conditions simplified, choices inside choices joined.
"""
