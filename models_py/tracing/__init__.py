"""Knowledge tracing: how likely is a student to answer the next item correctly?"""
