"""A gallery as a local web application: `meshgait gallery browse`.

It serves one user on one machine. `guard` lets nobody else in, `app` maps addresses to actions, `searches`
answers questions in the background, and everything about people is asked of `gallery` and drawn by `report`.
"""
