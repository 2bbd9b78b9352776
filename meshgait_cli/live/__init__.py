"""Watching a camera as it happens.

capture (a thread) ──► newest frame ──► watch ──► walkers' last seconds ──► judge (a thread) ──► events
decode, reconnect      older are dropped  detect, follow,                    quality, embed,
                                          segment                            decide
"""
